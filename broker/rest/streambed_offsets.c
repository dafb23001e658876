/* Where a partition's records begin, and which is the last of them that a subscription will get: its clients read a
 * topic's history up to that one, so it must be one that comes. Markers, records of aborted transactions, what
 * compaction took and what the form cannot hold do not. So the log is searched from its end, in windows that grow by
 * WINDOW_GROWTH, each from its start to its end. */
#include "container.h"
#include "json.h"
#include "operations/operations.h"
#include "rest/form_pass.h"
#include "rest/record_streambed.h"
#include "rest/rest_failure.h"
#include "rest/streambed.h"
#include "server.h"

#define ARENA_MAX     ((size_t)1 << 20)
#define WINDOW_GROWTH 16
#define READ_BYTES    65536

struct search {
    struct http_exchange *exchange;
    struct arena arena;
    slice topic;
    struct record_part part;
    int64_t start;              /* of the log */
    int64_t window, window_end; /* offsets: from the one to before the other */
    int64_t at;                 /* how far it is searched */
    int64_t last;               /* found in it; -1: nothing */
    struct read_request read;
    struct read_part read_part;
    struct record_range range;
    struct record_streambed form;
    struct form_pass made;
};

static void step(struct search *search);

static void answer(struct http_exchange *exchange, int64_t begin, int64_t end)
{
    writer w;
    writer_init(&w, exchange->server->memory, MEMORY_RESPONSES, 200);
    struct json json = json_to(&w);
    json_begin_object(&json);
    json_key(&json, "beginning_offset");
    json_int(&json, begin);
    json_key(&json, "end_offset");
    json_int(&json, end);
    json_end_object(&json);
    http_reply_written(exchange, 200, STREAMBED_TYPE, &w);
    writer_close(&w);
}

static void refuse_empty(struct http_exchange *exchange)
{
    http_reply_error(exchange, 40404, "There are no records.");
}

/* -1: there is none. */
static void end_search(struct search *search, int64_t last)
{
    struct http_exchange *exchange = search->exchange;
    int64_t start = search->start;
    arena_close(&search->arena);
    memory_free(exchange->server->memory, MEMORY_REQUESTS, search, sizeof *search);
    if (last >= 0)
        answer(exchange, start, last);
    else
        refuse_empty(exchange);
}

/* On to the window before, when this one has nothing. */
static void go_on(struct search *search)
{
    if (search->at < search->window_end) {
        step(search);
        return;
    }
    if (search->last >= 0 || search->window <= search->start) {
        end_search(search, search->last);
        return;
    }
    int64_t size = (search->window_end - search->window) * WINDOW_GROWTH;
    search->window_end = search->window;
    search->window = search->window_end - search->start > size ? search->window_end - size : search->start;
    search->at = search->window;
    step(search);
}

static void on_passed(struct form_pass *made)
{
    struct search *search = CONTAINER_OF(made, struct search, made);
    const struct record_block *block = form_pass_block(made);
    if (search->form.last_offset >= 0)
        search->last = search->form.last_offset;
    search->at = block != NULL && block->positions[0] > search->at ? block->positions[0] : search->window_end;
    record_pass_close(&made->pass);
    read_release(&search->read);
    arena_reset(&search->arena);
    go_on(search);
}

/* False: nothing was found. */
static bool begin_pass(struct search *search)
{
    search->part = (struct record_part){search->topic, search->read_part.partition->index};
    search->form = (struct record_streambed){.is_last_only = true, .last_offset = -1};
    search->made = (struct form_pass){.server = search->exchange->server,
                                      .read = &search->read,
                                      .parts = &search->part,
                                      .positions = &search->at,
                                      .ranges = &search->range,
                                      .form = record_streambed_write,
                                      .form_context = &search->form,
                                      .done = on_passed};
    if (!form_pass_prepare(&search->made))
        return false;
    form_pass_submit(&search->made);
    return true;
}

static void on_read(struct read_request *read)
{
    struct search *search = read->context;
    if (begin_pass(search))
        return;
    read_release(read);
    arena_reset(&search->arena);
    search->at = search->window_end;
    go_on(search);
}

static void step(struct search *search)
{
    struct server *server = search->exchange->server;
    const struct topic *topic = topics_find(&server->topics, search->topic);
    struct partition *partition =
        topic != NULL ? topic_partition(topic, (int32_t)http_argument_number(search->exchange, "partition")) : NULL;
    if (partition == NULL || partition->log == NULL) {
        end_search(search, -1);
        return;
    }
    search->read_part = (struct read_part){.partition = partition, .offset = search->at, .max_bytes = READ_BYTES};
    search->read = (struct read_request){.parts = &search->read_part,
                                         .part_count = 1,
                                         .max_bytes = READ_BYTES,
                                         .committed = true,
                                         .arena = &search->arena,
                                         .done = on_read,
                                         .context = search};
    read_start(server->reads, &search->read);
}

void streambed_show_offsets(struct http_exchange *exchange)
{
    struct server *server = exchange->server;
    slice name = http_argument(exchange, "topic");
    const struct topic *topic = topics_find(&server->topics, name);
    const struct partition *partition =
        topic != NULL ? topic_partition(topic, (int32_t)http_argument_number(exchange, "partition")) : NULL;
    if (partition == NULL || partition->log == NULL) {
        http_reply_error(exchange, topic == NULL ? REST_TOPIC_NOT_FOUND : REST_PARTITION_NOT_FOUND,
                         topic == NULL ? "Topic not found." : "Partition not found.");
        return;
    }
    int64_t start = log_start_offset(partition->log), end = log_stable_end_offset(partition->log);
    if (strcmp(config_string(server->config, CONFIG_FURROW_STREAMBED_END_OFFSET), "next") == 0) {
        answer(exchange, start, log_end_offset(partition->log));
        return;
    }
    if (end <= start) {
        refuse_empty(exchange);
        return;
    }
    struct search *search = memory_alloc_zeroed(server->memory, MEMORY_REQUESTS, sizeof *search);
    if (search == NULL) {
        rest_reply_no_memory(exchange);
        return;
    }
    search->exchange = exchange;
    search->topic = name;
    search->start = start;
    search->window_end = end;
    search->window = search->at = end - 1;
    search->last = -1;
    arena_init(&search->arena, server->memory, MEMORY_REQUESTS, ARENA_MAX);
    step(search);
}
