#include "rest/read_query.h"

#include "rest/record_ids.h"
#include "time_text.h"

#include <stdio.h>

#define IDS_VALUES_MAX 20000
#define PATTERNS_MAX   16 /* each is held against all topics, while the loop waits */

static bool object(char words[READ_WORDS_MAX], const char *text)
{
    snprintf(words, READ_WORDS_MAX, "%s", text);
    return false;
}

/* ---- places ---- */

static bool take_places(slice list, bool is_after, struct arena *arena, struct read_query *query,
                        char words[READ_WORDS_MAX])
{
    query->begin = READ_PLACES;
    return read_places_parse(list, is_after, arena, &query->places) ||
           object(words, "'from' and 'after' are lists of offset, partition:offset or topic:partition:offset");
}

struct id_context {
    struct arena *arena;
    struct read_query *query;
};

static bool take_id_element(void *context, slice topic, int32_t partition, int64_t offset)
{
    const struct id_context *c = context;
    struct read_place *place = arena_alloc(c->arena, sizeof *place);
    if (place == NULL)
        return false;
    *place = (struct read_place){c->query->places, topic, partition, offset + 1, false, 0};
    c->query->places = place;
    return true;
}

/* Of clients that come back; an empty one is none (the EventSource of browsers sends it so). */
static bool take_last_event_id(const struct http_exchange *exchange, struct arena *arena, struct read_query *query,
                               char words[READ_WORDS_MAX])
{
    slice id = http_request_field(&exchange->request, "last-event-id");
    if (id.size == 0)
        return true;
    struct json_document document;
    struct id_context context = {arena, query};
    static const struct json_limits limits = {.depth = 3, .values = IDS_VALUES_MAX};
    json_document_init(&document, arena->memory, arena->purpose, limits);
    bool is_read = record_ids_read(id, &document, arena, take_id_element, &context);
    json_document_close(&document);
    query->begin = READ_PLACES;
    return is_read || object(words, "Last-Event-ID is none that came from here");
}

/* ---- where it begins ---- */

static bool take_since(slice since, int64_t now, struct read_query *query, char words[READ_WORDS_MAX])
{
    int64_t duration;
    if (slice_equal(since, slice_of_text("all"))) {
        query->begin = READ_EARLIEST;
        return true;
    }
    if (slice_equal(since, slice_of_text("latest"))) {
        query->begin = READ_LATEST;
        return true;
    }
    query->begin = READ_TIME;
    if (time_parse_duration(since, &duration)) {
        query->time = duration < now ? now - duration : 0;
        return true;
    }
    if (!time_parse(since, &query->time))
        return object(words, "'since' is a duration (10m), a time (RFC 3339), 'all' or 'latest'");
    query->time = query->time < 0 ? 0 : query->time;
    return true;
}

static bool take_begin(const struct http_exchange *exchange, int64_t now, struct arena *arena, struct read_query *query,
                       char words[READ_WORDS_MAX])
{
    static const char *const beginnings[] = {"offset", "timestamp", "since", "from", "after", "last"};
    int given = 0;
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
        given += http_parameter_given(exchange, beginnings[i]);
    if (given > 1)
        return object(words, "only one of offset, timestamp, since, from, after and last says where to begin");
    query->begin = query->follow ? READ_LATEST : READ_EARLIEST;
    if (http_parameter_given(exchange, "offset")) {
        query->begin = READ_OFFSET;
        query->offset = http_parameter_number(exchange, "offset", 0);
    } else if (http_parameter_given(exchange, "timestamp")) {
        query->begin = READ_TIME;
        query->time = http_parameter_number(exchange, "timestamp", 0);
        query->time = query->time < 0 ? 0 : query->time;
    } else if (http_parameter_given(exchange, "since")) {
        return take_since(http_parameter_text(exchange, "since"), now, query, words);
    } else if (http_parameter_given(exchange, "from")) {
        return take_places(http_parameter_text(exchange, "from"), false, arena, query, words);
    } else if (http_parameter_given(exchange, "after")) {
        return take_places(http_parameter_text(exchange, "after"), true, arena, query, words);
    } else if (http_parameter_given(exchange, "last")) {
        query->begin = READ_LAST;
    }
    return true;
}

/* ---- choices and filters ---- */

static bool has_many_patterns(slice list)
{
    slice item;
    int count = 0;
    while (http_next_item(&list, &item))
        count += item.size != 0 && memchr(item.data, '*', item.size) != NULL;
    return count > PATTERNS_MAX;
}

static void take_filter(const struct http_exchange *exchange, struct record_filter *filter)
{
    *filter = RECORD_FILTER_NONE;
    filter->by_key = http_parameter_given(exchange, "key");
    if (filter->by_key)
        filter->key = http_parameter_text(exchange, "key");
    slice header = http_parameter_text(exchange, "header");
    const uint8_t *colon = header.size != 0 ? memchr(header.data, ':', header.size) : NULL;
    filter->header_name = colon != NULL ? slice_of(header.data, (size_t)(colon - header.data)) : header;
    if (colon != NULL)
        filter->header_value = slice_of(colon + 1, header.size - filter->header_name.size - 1);
    filter->from_time = http_parameter_number(exchange, "timestamp_from", INT64_MIN);
    filter->to_time = http_parameter_number(exchange, "timestamp_to", INT64_MAX);
}

bool read_query_take(const struct http_exchange *exchange, bool is_live, int64_t now, struct arena *arena,
                     struct read_query *query, char words[READ_WORDS_MAX])
{
    *query = (struct read_query){
        .last = (int32_t)http_parameter_number(exchange, "last", 0),
        .last_per_key = http_parameter_choice(exchange, "last_per", 0) == 1,
        .limit = (int32_t)http_parameter_number(exchange, "limit", 0),
        .max_bytes = http_parameter_number(exchange, "max_bytes", (int64_t)1 << 20),
        .max_wait_ms = http_parameter_number(exchange, "max_wait_ms", 0),
        .follow = http_parameter_given(exchange, "follow") ? http_parameter_flag(exchange, "follow") : is_live,
        .pulse_ms = http_parameter_number(exchange, "pulse", 0),
        .format = (enum record_format)http_parameter_choice(exchange, "format", RECORD_FORMAT_AUTO),
        .committed = http_parameter_choice(exchange, "isolation", 0) == 0,
    };
    take_filter(exchange, &query->filter);
    if (has_many_patterns(http_parameter_text(exchange, "topics")))
        return object(words, "at most 16 of the topics may have a '*'");
    if (!take_begin(exchange, now, arena, query, words) || !take_last_event_id(exchange, arena, query, words))
        return false;
    if (query->last_per_key && query->begin != READ_LAST)
        return object(words, "'last_per' says what 'last' counts by: how many is missing");
    query->wants_threshold = http_parameter_given(exchange, "threshold") ? http_parameter_flag(exchange, "threshold")
                                                                         : query->begin != READ_LATEST;
    query->wants_threshold &= query->follow;
    return true;
}
