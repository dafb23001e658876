/* A page of records: JSON with links, once there is something to tell, or the time to wait for it is over.
 *
 *     {"kind":"KafkaRecordList","metadata":{"self":"…","next":"…","at_end":true,"gaps":[]},"data":[…]}
 *
 * `next` is always there: what comes after the page, now or later. Gaps are as in record_mark.h. One record by its
 * offset is a page of one, answered as it is. */
#include "budget.h"
#include "container.h"
#include "crc32c.h"
#include "http/body.h"
#include "http/field_value.h"
#include "http/routes.h"
#include "json.h"
#include "rest/read_call.h"
#include "rest/rest_failure.h"
#include "server.h"

#include <inttypes.h>
#include <stdio.h>

#define JSON_TYPE "application/json"
/* Above what a page is cut at: its last record may be large. */
#define PAGE_MAX      ((size_t)1 << 30)
#define LINK_MAX      ((size_t)1 << 20)
#define DEFAULT_LIMIT 500
/* Of what a link says in full of where it goes on. */
#define PLAIN_MAX ((size_t)1000)

static struct memory *memory_of(const struct read_call *call)
{
    return call->server->memory;
}

/* ---- links ---- */

static bool stands_in_a_query(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("-._~:*,/@!$'();", c) != NULL);
}

static void write_encoded(writer *w, slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (stands_in_a_query(c)) {
            write_u8(w, c);
            continue;
        }
        write_u8(w, '%');
        write_u8(w, (uint8_t)digits[c >> 4]);
        write_u8(w, (uint8_t)digits[c & 15]);
    }
}

static void write_text(writer *w, const char *text)
{
    write_bytes(w, slice_of_text(text));
}

/* The route's pattern with the request's arguments: names of topics and numbers. */
static void write_path(const struct http_exchange *exchange, writer *w)
{
    slice host = http_request_field(&exchange->request, "host");
    if (host.size != 0) {
        write_text(w, "http://");
        write_bytes(w, host);
    }
    for (const char *p = exchange->route->pattern; *p != '\0';) {
        if (*p != '{') {
            write_u8(w, (uint8_t)*p++);
            continue;
        }
        const char *end = strchr(p, '}');
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)(end - p - 1), p + 1);
        write_encoded(w, http_argument(exchange, name));
        p = end + 1;
    }
}

static bool says_where_to_begin(const char *name)
{
    static const char *const names[] = {"offset", "timestamp", "since", "from", "after", "last", "last_per"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++)
        found = strcmp(name, names[i]) == 0;
    return found;
}

static void write_parameter(const char *name, slice value, char separator, writer *w)
{
    write_u8(w, (uint8_t)separator);
    write_text(w, name);
    write_u8(w, '=');
    write_encoded(w, value);
}

/* What was asked for; all: where to begin too. */
static char write_parameters(const struct http_exchange *exchange, bool all, writer *w)
{
    char separator = '?';
    for (size_t i = 0; i < exchange->route->parameter_count; i++) {
        const char *name = exchange->route->parameters[i].name;
        if (!slice_is_null(http_argument(exchange, name)) || !http_parameter_given(exchange, name) ||
            (!all && says_where_to_begin(name)))
            continue;
        slice value = http_parameter_text(exchange, name);
        bool stands_alone = value.size == 0 && exchange->route->parameters[i].type == HTTP_FLAG;
        write_parameter(name, stands_alone ? slice_of_text("true") : value, separator, w);
        separator = '&';
    }
    return separator;
}

/* As short as the route allows: offset, partition:offset, topic:partition:offset. */
static void write_place(const struct read_call *call, int32_t i, writer *w)
{
    const struct record_part *part = &reading_parts(call->cursor.reading)[i];
    char place[64];
    if (slice_is_null(read_topic(call->exchange))) {
        write_encoded(w, part->topic);
        write_u8(w, ':');
    }
    if (read_partition(call->exchange) < 0) {
        snprintf(place, sizeof place, "%" PRId32 ":", part->partition);
        write_text(w, place);
    }
    snprintf(place, sizeof place, "%" PRId64, call->cursor.positions[i]);
    write_text(w, place);
}

/* A partition whose very first record is next need not be named. Many are packed: a request's line takes 8 KiB. */
static void write_positions(const struct read_call *call, char separator, writer *w)
{
    const struct cursor *cursor = &call->cursor;
    size_t begin = w->size;
    bool is_first = true;
    write_u8(w, (uint8_t)separator);
    for (int32_t i = 0; i < reading_part_count(cursor->reading) && w->size - begin < PLAIN_MAX; i++) {
        if (cursor->positions[i] == RECORD_PART_GONE || cursor->positions[i] == 0)
            continue;
        write_text(w, is_first ? "from=" : ",");
        write_place(call, i, w);
        is_first = false;
    }
    if (is_first)
        write_text(w, "since=all");
    if (w->size - begin < PLAIN_MAX)
        return;
    writer_cut(w, begin + 1);
    write_text(w, "from=");
    read_places_pack(reading_parts(cursor->reading), reading_part_count(cursor->reading), cursor->positions, w);
}

static void write_link(const struct read_call *call, bool is_next, struct json *json)
{
    writer link;
    writer_init(&link, memory_of(call), MEMORY_RESPONSES, LINK_MAX);
    write_path(call->exchange, &link);
    char separator = write_parameters(call->exchange, !is_next, &link);
    if (is_next)
        write_positions(call, separator, &link);
    json->w->failed |= link.failed;
    json_string(json, writer_slice(&link));
    writer_close(&link);
}

/* ---- the answer ---- */

static void write_page(const struct read_call *call, writer *w)
{
    struct json json = json_to(w);
    json_begin_object(&json);
    json_key(&json, "kind");
    json_text(&json, "KafkaRecordList");
    json_key(&json, "metadata");
    json_begin_object(&json);
    json_key(&json, "self");
    write_link(call, false, &json);
    json_key(&json, "next");
    write_link(call, true, &json);
    json_key(&json, "at_end");
    json_bool(&json, cursor_at_end(&call->cursor));
    json_key(&json, "gaps");
    json_begin_array(&json);
    write_bytes(w, writer_slice(&call->page.gaps));
    json_end_array(&json);
    json_end_object(&json);
    json_key(&json, "data");
    json_begin_array(&json);
    write_bytes(w, writer_slice(&call->page.items));
    json_end_array(&json);
    json_end_object(&json);
}

static void free_page(struct read_call *call)
{
    writer_close(&call->page.items);
    writer_close(&call->page.gaps);
    read_call_free(call);
}

static void reply_page(struct read_call *call)
{
    struct http_exchange *exchange = call->exchange;
    writer w;
    writer_init(&w, memory_of(call), MEMORY_RESPONSES, PAGE_MAX);
    write_page(call, &w);
    w.failed |= call->page.items.failed || call->page.gaps.failed;
    free_page(call);
    http_reply_written(exchange, 200, JSON_TYPE, &w);
    writer_close(&w);
}

/* The tag is of the bytes: the same record in another form is another one, and so is what another log has there. */
static void reply_record(struct read_call *call)
{
    struct http_exchange *exchange = call->exchange;
    writer item = call->page.items;
    call->page.items = (writer){.memory = item.memory};
    bool is_found = call->page.first_offset == call->page.one_offset;
    char tag[40], field[80];
    snprintf(tag, sizeof tag, "\"%" PRId64 "-%08" PRIx32 "\"", call->page.one_offset, crc32c(0, item.data, item.size));
    snprintf(field, sizeof field, "ETag: %s\r\nCache-Control: no-cache\r\n", tag);
    free_page(call);
    slice known = http_request_field(&exchange->request, "if-none-match"), one;
    bool is_known = false;
    while (!is_known && field_next_element(&known, &one))
        is_known = slice_equal(one, slice_of_text(tag)) || slice_equal(one, slice_of_text("*"));
    if (!writer_ok(&item))
        rest_reply_no_memory(exchange);
    else if (!is_found)
        http_reply_error(exchange, READ_RECORD_NOT_FOUND, "There is no such record.");
    else if (is_known)
        http_reply(exchange, 304, NULL, field, NULL_SLICE);
    else
        http_reply(exchange, 200, JSON_TYPE, field, writer_slice(&item));
    writer_close(&item);
}

static void reply(struct read_call *call)
{
    if (call->page.is_one)
        reply_record(call);
    else
        reply_page(call);
}

/* ---- collecting ---- */

static void take_gap(struct read_call *call, const struct reading_gap *gap)
{
    writer *w = &call->page.gaps;
    struct json json = json_to(w);
    const struct record_part *part = &reading_parts(call->cursor.reading)[gap->part];
    json.comma = w->size != 0;
    json_begin_object(&json);
    json_key(&json, "topic_name");
    json_string(&json, part->topic);
    json_key(&json, "partition_id");
    json_int(&json, part->partition);
    json_key(&json, "from_offset");
    json_int(&json, gap->from);
    json_key(&json, "to_offset");
    json_int(&json, gap->to);
    json_end_object(&json);
}

static void count_held(struct read_call *call)
{
    struct read_page *page = &call->page;
    size_t held = page->items.capacity + page->gaps.capacity;
    if (held <= page->held)
        return;
    http_exchange_hold(call->exchange, held - page->held);
    page->held = held;
}

static void take_step(struct read_call *call, struct reading_step *step)
{
    struct read_page *page = &call->page;
    if (step->gap.part >= 0)
        take_gap(call, &step->gap);
    if (step->bytes != NULL && page->items.size != 0)
        write_u8(&page->items, ',');
    if (step->bytes != NULL)
        write_bytes(&page->items, slice_of(step->bytes->data, step->bytes->size));
    if (page->first_offset < 0)
        page->first_offset = step->first_offset;
    count_held(call);
    page->is_given_up = step->bytes == NULL && !read_call_goes_on(call);
    cursor_take(&call->cursor, step);
}

static bool is_memory_short(const struct read_call *call)
{
    const struct budget *budget = call->server->budget;
    return budget_used(budget) > budget_limit(budget) / 2;
}

/* A page may end anywhere: the next one begins there. */
static bool is_complete(struct read_call *call)
{
    const struct read_page *page = &call->page;
    if (page->is_given_up || (page->items.size != 0 && is_memory_short(call)))
        return true;
    bool has_some = page->items.size != 0 || page->gaps.size != 0;
    if (call->cursor.limit <= 0 || page->items.size >= page->max_bytes || !writer_ok(&page->items))
        return true;
    bool is_ended = cursor_is_over(&call->cursor) || cursor_at_end(&call->cursor);
    bool waits = page->max_wait_ms > 0 && !has_some && !call->is_hurried && !cursor_is_over(&call->cursor);
    return (is_ended && !waits) || (page->is_one && page->gaps.size != 0);
}

static void fail(struct read_call *call, enum kafka_error error)
{
    struct http_exchange *exchange = call->exchange;
    if (call->page.items.size != 0) { /* the next page tells of it */
        reply(call);
        return;
    }
    free_page(call);
    rest_reply_failure(exchange, error, NULL);
}

static void go_on(struct read_call *call)
{
    while (!is_complete(call)) {
        if (call->cursor.error != KAFKA_NONE) {
            fail(call, call->cursor.error);
            return;
        }
        struct reading_step *step = cursor_find(&call->cursor);
        if (step == NULL)
            return;
        if (step->error != KAFKA_NONE) {
            fail(call, step->error);
            return;
        }
        take_step(call, step);
    }
    reply(call);
}

void read_page_ready(struct cursor *cursor)
{
    go_on(CONTAINER_OF(cursor, struct read_call, cursor));
}

/* The time is over, or the client goes. */
static void hurry(struct read_call *call)
{
    call->is_hurried = true;
    cursor_wake(&call->cursor);
}

static void on_due(struct read_alarm *alarm)
{
    hurry(CONTAINER_OF(alarm, struct read_call, alarm));
}

static void on_hurried(struct http_exchange *exchange)
{
    hurry(exchange->context);
}

void read_page_begin(struct read_call *call, const struct read_query *query)
{
    struct read_page *page = &call->page;
    *page = (struct read_page){
        .max_bytes = (size_t)query->max_bytes,
        .max_wait_ms = query->max_wait_ms,
        .is_one = query->is_one,
        .one_offset = query->offset,
        .first_offset = -1,
    };
    writer_init(&page->items, memory_of(call), MEMORY_RESPONSES, PAGE_MAX);
    writer_init(&page->gaps, memory_of(call), MEMORY_RESPONSES, LINK_MAX);
    if (call->cursor.limit == CURSOR_NO_LIMIT && query->begin != READ_LAST)
        call->cursor.limit = DEFAULT_LIMIT;
    call->exchange->context = call;
    call->is_hurried = !http_when_hurried(call->exchange, on_hurried);
    if (page->max_wait_ms > 0) {
        call->alarm.due = on_due;
        read_alarm_set(record_readers_alarms(call->server->record_readers), &call->alarm, (uint64_t)page->max_wait_ms);
    }
    go_on(call);
}
