#include "rest/read_call.h"

#include "budget.h"
#include "container.h"
#include "http/body.h"
#include "http/media_type.h"
#include "http/routes.h"
#include "http/socket.h"
#include "rest/read_last.h"
#include "rest/read_start.h"
#include "rest/rest_failure.h"
#include "rest/v3_path.h"
#include "server.h"

#include <errno.h>
#include <stdio.h>

#define ARENA_MAX      ((size_t)1 << 20)
#define VAIN_STEPS_MAX 16
#define LARGE_CALL     ((size_t)4 << 10)

/* While it is looked for where it begins. */
struct beginning {
    struct read_call *call;
    struct read_query query;
    struct read_start start;
    struct read_last last;
    struct arena arena;
};

static struct memory *memory_of(const struct read_call *call)
{
    return call->server->memory;
}

bool read_call_goes_on(struct read_call *call)
{
    bool has_gone = call->exchange->connection == NULL;
    return !has_gone && (!call->is_hurried || ++call->vain_steps < VAIN_STEPS_MAX);
}

void read_call_free(struct read_call *call)
{
    read_alarm_clear(&call->alarm);
    if (call->cursor.reading != NULL)
        cursor_close(&call->cursor);
    memory_free(memory_of(call), MEMORY_CONNECTIONS, call, sizeof *call);
}

static void free_beginning(struct beginning *beginning)
{
    arena_close(&beginning->arena);
    memory_free(memory_of(beginning->call), MEMORY_REQUESTS, beginning, sizeof *beginning);
}

/* A position that the log has not is the client's mistake. */
static void refuse(struct read_call *call, enum kafka_error error, const char *words)
{
    struct http_exchange *exchange = call->exchange;
    read_call_free(call);
    if (error == KAFKA_OFFSET_OUT_OF_RANGE)
        http_reply_error(exchange, READ_OFFSET_OUT_OF_RANGE, words);
    else
        rest_reply_failure(exchange, error, words);
}

/* ---- where it begins is known ---- */

/* Positions, and the ends of a stream that does not follow. */
static size_t cost_of(const struct read_call *call)
{
    return sizeof *call + 2 * (size_t)reading_part_count(call->cursor.reading) * sizeof(int64_t);
}

static bool is_memory_short(const struct read_call *call)
{
    const struct budget *budget = call->server->budget;
    return budget_used(budget) > budget_limit(budget) / 2;
}

/* A stream may last for days: one over very many partitions is not begun while memory is short. */
static void answer(struct beginning *beginning)
{
    struct read_call *call = beginning->call;
    struct read_query query = beginning->query;
    free_beginning(beginning);
    if (call->output != RECORD_ITEMS && cost_of(call) > LARGE_CALL && is_memory_short(call)) {
        struct http_exchange *exchange = call->exchange;
        read_call_free(call);
        rest_reply_no_memory(exchange);
        return;
    }
    http_exchange_hold(call->exchange, cost_of(call));
    call->cursor.limit = query.limit != 0 ? query.limit : CURSOR_NO_LIMIT;
    if (call->output == RECORD_ITEMS)
        read_page_begin(call, &query);
    else
        read_stream_begin(call, &query);
}

static void on_started(struct read_start *start)
{
    struct beginning *beginning = start->context;
    struct read_call *call = beginning->call;
    if (start->error != KAFKA_NONE) {
        char words[READ_WORDS_MAX];
        snprintf(words, sizeof words, "%s", start->words);
        enum kafka_error error = start->error;
        free_beginning(beginning);
        refuse(call, error, words);
        return;
    }
    answer(beginning);
}

static void begin(struct beginning *beginning)
{
    struct read_call *call = beginning->call;
    beginning->start = (struct read_start){
        .server = call->server,
        .cursor = &call->cursor,
        .query = &beginning->query,
        .done = on_started,
        .context = beginning,
    };
    read_start_begin(&beginning->start);
}

/* ---- the form of the answer ---- */

static enum record_output choose_output(const struct http_exchange *exchange)
{
    static const char *const pages[] = {"application/json", "text/event-stream", "application/x-ndjson"};
    static const char *const streams[] = {"application/x-ndjson", "text/event-stream"};
    static const enum record_output page_outputs[] = {RECORD_ITEMS, RECORD_EVENTS, RECORD_LINES};
    slice accept = http_request_field(&exchange->request, "accept");
    if (http_wants_socket(exchange))
        return RECORD_MESSAGES;
    if (http_parameter_flag(exchange, "follow"))
        return media_type_choose(accept, streams, 2) == 1 ? RECORD_EVENTS : RECORD_LINES;
    int chosen = media_type_choose(accept, pages, 3);
    return chosen > 0 ? page_outputs[chosen] : RECORD_ITEMS;
}

/* ---- what is read ---- */

/* False: it has been answered. The short routes name no cluster. */
static bool is_our_cluster(struct http_exchange *exchange)
{
    return slice_is_null(http_argument(exchange, "cluster_id")) || v3_check_cluster(exchange);
}

/* The routes of REST v3 name their arguments as it does, the short ones as those of v2. */
slice read_topic(const struct http_exchange *exchange)
{
    slice topic = http_argument(exchange, "topic_name");
    return slice_is_null(topic) ? http_argument(exchange, "topic") : topic;
}

int32_t read_partition(const struct http_exchange *exchange)
{
    static const char *const names[] = {"partition_id", "partition"};
    for (size_t i = 0; i < 2; i++) {
        if (!slice_is_null(http_argument(exchange, names[i])))
            return (int32_t)http_argument_number(exchange, names[i]);
    }
    return -1;
}

static void set_wish(const struct read_call *call, const struct read_query *query, struct reading_wish *wish)
{
    const struct http_exchange *exchange = call->exchange;
    slice topic = read_topic(exchange);
    bool is_choice = slice_is_null(topic);
    *wish = (struct reading_wish){
        .topics = is_choice ? http_parameter_text(exchange, "topics") : topic,
        .is_choice = is_choice,
        .partition = read_partition(exchange),
        .output = call->output,
        .format = query->format,
        .filter = query->filter,
        .committed = query->committed,
    };
}

/* KAFKA_NONE: the cursor is open. What is kept may be taken over in any case. */
static enum kafka_error open_cursor(struct read_call *call, const struct read_query *query, struct kept_lists **kept)
{
    struct reading_wish wish;
    struct reading *reading;
    set_wish(call, query, &wish);
    wish.kept = kept != NULL ? *kept : NULL;
    enum kafka_error error = reading_open(call->server->record_readers, &wish, &reading);
    if (error != KAFKA_NONE)
        return error;
    if (kept != NULL)
        *kept = NULL;
    bool is_page = call->output == RECORD_ITEMS;
    if (cursor_open(&call->cursor, reading, is_page ? read_page_ready : read_stream_ready) == 0)
        return KAFKA_NONE;
    reading_release(reading);
    call->cursor.reading = NULL;
    return KAFKA_KAFKA_STORAGE_ERROR;
}

static void refuse_opening(struct read_call *call, enum kafka_error error)
{
    struct http_exchange *exchange = call->exchange;
    slice topic = read_topic(exchange);
    bool has_topic = !slice_is_null(topic) && topics_find(&call->server->topics, topic) != NULL;
    if (error == KAFKA_POLICY_VIOLATION) {
        refuse(call, error, "that is more partitions than one answer can have");
        return;
    }
    if (error != KAFKA_UNKNOWN_TOPIC_OR_PARTITION) {
        refuse(call, error, NULL);
        return;
    }
    read_call_free(call);
    http_reply_error(exchange, has_topic ? REST_PARTITION_NOT_FOUND : REST_TOPIC_NOT_FOUND,
                     has_topic ? "Partition not found." : "Topic not found.");
}

static struct beginning *make_beginning(struct http_exchange *exchange)
{
    struct memory *memory = exchange->server->memory;
    struct read_call *call = memory_alloc_zeroed(memory, MEMORY_CONNECTIONS, sizeof *call);
    struct beginning *beginning = memory_alloc_zeroed(memory, MEMORY_REQUESTS, sizeof *beginning);
    if (call == NULL || beginning == NULL) {
        memory_free(memory, MEMORY_CONNECTIONS, call, sizeof *call);
        memory_free(memory, MEMORY_REQUESTS, beginning, sizeof *beginning);
        return NULL;
    }
    call->exchange = exchange;
    call->server = exchange->server;
    beginning->call = call;
    arena_init(&beginning->arena, memory, MEMORY_REQUESTS, ARENA_MAX);
    return beginning;
}

/* Both have chosen their partitions, one after the other. */
static bool take_positions(struct cursor *cursor, const struct cursor *from)
{
    int32_t count = reading_part_count(cursor->reading);
    bool is_same = count == reading_part_count(from->reading);
    for (int32_t i = 0; is_same && i < count; i++) {
        is_same = reading_partition(cursor->reading, i) == reading_partition(from->reading, i);
        cursor->positions[i] = from->positions[i];
    }
    return is_same;
}

static void on_last_found(struct read_last *last)
{
    struct beginning *beginning = last->context;
    struct read_call *call = beginning->call;
    enum kafka_error error = last->error;
    if (error == KAFKA_NONE)
        error = open_cursor(call, &beginning->query, &last->kept);
    if (error == KAFKA_NONE && !take_positions(&call->cursor, &last->cursor))
        error = KAFKA_KAFKA_STORAGE_ERROR;
    bool is_too_much = last->error == KAFKA_POLICY_VIOLATION;
    read_last_close(last);
    if (error == KAFKA_NONE) {
        answer(beginning);
        return;
    }
    free_beginning(beginning);
    if (is_too_much)
        refuse(call, error, "that is more records than can be chosen one by one");
    else
        refuse_opening(call, error);
}

static bool search_goes_on(void *context)
{
    const struct beginning *beginning = context;
    return read_call_goes_on(beginning->call);
}

static void on_hurried(struct http_exchange *exchange)
{
    struct read_call *call = exchange->context;
    call->is_hurried = true;
}

/* The cursor is opened when they are found. */
static enum kafka_error find_last(struct beginning *beginning)
{
    struct reading_wish wish;
    struct http_exchange *exchange = beginning->call->exchange;
    set_wish(beginning->call, &beginning->query, &wish);
    exchange->context = beginning->call;
    beginning->call->is_hurried = !http_when_hurried(exchange, on_hurried);
    beginning->last = (struct read_last){
        .server = beginning->call->server,
        .wish = &wish,
        .count = beginning->query.last,
        .per_key = beginning->query.last_per_key,
        .goes_on = search_goes_on,
        .done = on_last_found,
        .context = beginning,
    };
    enum kafka_error error = read_last_begin(&beginning->last);
    if (error != KAFKA_NONE)
        read_last_close(&beginning->last);
    return error;
}

static void open_and_begin(struct beginning *beginning)
{
    struct read_call *call = beginning->call;
    bool is_last = beginning->query.begin == READ_LAST;
    enum kafka_error error = is_last ? find_last(beginning) : open_cursor(call, &beginning->query, NULL);
    if (error != KAFKA_NONE) {
        free_beginning(beginning);
        refuse_opening(call, error);
    } else if (!is_last) {
        begin(beginning);
    }
}

void read_handle_records(struct http_exchange *exchange)
{
    char words[READ_WORDS_MAX];
    if (!is_our_cluster(exchange))
        return;
    struct beginning *beginning = make_beginning(exchange);
    if (beginning == NULL) {
        rest_reply_no_memory(exchange);
        return;
    }
    struct read_call *call = beginning->call;
    call->output = choose_output(exchange);
    bool is_live = call->output == RECORD_EVENTS || call->output == RECORD_MESSAGES;
    if (!read_query_take(exchange, is_live, server_now(exchange->server), &beginning->arena, &beginning->query,
                         words)) {
        free_beginning(beginning);
        read_call_free(call);
        http_reply_error(exchange, 400, words);
        return;
    }
    open_and_begin(beginning);
}

/* ---- one record ---- */

void read_handle_one(struct http_exchange *exchange)
{
    if (!is_our_cluster(exchange))
        return;
    struct beginning *beginning = make_beginning(exchange);
    if (beginning == NULL) {
        rest_reply_no_memory(exchange);
        return;
    }
    beginning->call->output = RECORD_ITEMS;
    beginning->query = (struct read_query){
        .begin = READ_OFFSET,
        .offset = http_parameter_number(exchange, "offset", 0),
        .is_one = true,
        .limit = 1,
        .max_bytes = INT32_MAX,
        .filter = RECORD_FILTER_NONE,
        .format = (enum record_format)http_parameter_choice(exchange, "format", RECORD_FORMAT_AUTO),
        .committed = http_parameter_choice(exchange, "isolation", 0) == 0,
    };
    open_and_begin(beginning);
}
