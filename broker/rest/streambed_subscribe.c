/* Subscriptions: one page of records for each request, or a body that stays open until there is one.
 *
 * Happy path. The head goes out at once. The partitions of all topics are read from behind the offsets that the client
 * has, from the start where it has none; when there is something, a page is made of it and ends the body.
 *
 * Topics. One that is not there yet is waited for; partitions that come are read, too. While there are subscriptions,
 * a timer looks whether topics came or went.
 *
 * Failures. What the client takes for an answer it asks for again at once, thousands of times a second: only what its
 * crates never send is refused with one. Where the very same request comes again and again on a connection, the client
 * cannot take what it is sent (a record larger than what it reads at once): the body then stays open. */
#include "connection.h"
#include "container.h"
#include "logger.h"
#include "operations/operations.h"
#include "rest/form_pass.h"
#include "rest/record_streambed.h"
#include "rest/rest.h"
#include "rest/streambed.h"
#include "rest/streambed_request.h"
#include "server.h"

#include <errno.h>

/* With head and end of the body, in one segment of TCP on any network. */
#define PAGE_BYTES   1300
#define PAGE_END     5
#define READ_BYTES   65536
#define LOOK_MS      250  /* for topics that are missing */
#define IDLE_LOOK_MS 1000 /* for topics that have changed */
#define WAIT_MS      3600000
#define HEADERS      "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
#define HEAD_BYTES   200
#define ARENA_MAX    ((size_t)4 << 20)
#define REPEATS_KEPT 64
#define REPEATS_MAX  1000

/* How often the same request has come on a connection, for as many connections as there is room for. */
struct repeats {
    uint64_t request; /* a hash of the peer and the body */
    uint32_t count;
};

struct subscription;

struct streambed {
    struct server *server;
    struct memory *memory;
    struct subscription *subscriptions;
    size_t count;
    uv_timer_t look;
    uint64_t topics_seen;
    uint64_t left_out;
    uint32_t turn; /* which topic comes first in the next page */
    bool is_stopping;
    struct repeats repeats[REPEATS_KEPT];
};

enum subscription_state { SUBSCRIPTION_WAITING, SUBSCRIPTION_READING, SUBSCRIPTION_MAKING };

struct subscription {
    struct streambed *streambed;
    struct http_exchange *exchange;
    struct subscription *next, **link;
    struct streambed_request asked;
    enum subscription_state state;
    bool is_ended;   /* nobody listens */
    bool is_changed; /* the topics are others: it begins anew */
    bool has_looked; /* for what there is already */
    bool has_begun;  /* the head is sent */
    bool is_stuck;   /* nothing more is sent */

    /* Of one read */
    struct arena arena;
    struct read_request read;
    struct record_part *parts;
    int64_t *positions;
    struct record_range *ranges;
    struct record_streambed form;
    struct form_pass made;
};

static void step(struct subscription *subscription);

/* ---- its end ---- */

/* Frees it; the exchange is the caller's. */
static struct http_exchange *close_subscription(struct subscription *subscription)
{
    struct streambed *streambed = subscription->streambed;
    struct http_exchange *exchange = subscription->exchange;
    *subscription->link = subscription->next;
    if (subscription->next != NULL)
        subscription->next->link = subscription->link;
    streambed->count--;
    if (streambed->count == 0)
        uv_timer_stop(&streambed->look);
    streambed_request_close(&subscription->asked);
    arena_close(&subscription->arena);
    memory_free(streambed->memory, MEMORY_REQUESTS, subscription, sizeof *subscription);
    return exchange;
}

static void release_read(struct subscription *subscription)
{
    read_release(&subscription->read);
    arena_reset(&subscription->arena);
}

/* ---- pages ---- */

static void send_page(struct subscription *subscription)
{
    writer page = subscription->made.pass.bytes;
    subscription->made.pass.bytes = (writer){.memory = page.memory};
    record_pass_close(&subscription->made.pass);
    release_read(subscription);
    bool has_begun = subscription->has_begun;
    struct http_exchange *exchange = close_subscription(subscription);
    if (has_begun)
        http_stream_end_with(exchange, writer_slice(&page));
    else
        http_reply_chunks(exchange, 200, STREAMBED_TYPE, HEADERS, writer_slice(&page));
    writer_close(&page);
}

static void note_positions(struct subscription *subscription, const int64_t *positions);

static void on_made(struct form_pass *made)
{
    struct subscription *subscription = CONTAINER_OF(made, struct subscription, made);
    struct record_pass *pass = &made->pass;
    const struct record_block *last = form_pass_block(made);
    subscription->streambed->left_out += subscription->form.left_out;
    subscription->state = SUBSCRIPTION_WAITING;
    if (last != NULL && last->records > 0 && !subscription->is_ended && writer_ok(&pass->bytes)) {
        send_page(subscription);
        return;
    }
    bool has_moved = last != NULL && last->records == 0;
    bool is_failed = pass->status != 0 && !has_moved;
    if (has_moved)
        note_positions(subscription, last->positions);
    record_pass_close(pass);
    release_read(subscription);
    if (is_failed || (last != NULL && !has_moved && !subscription->is_ended))
        http_stream_abort(close_subscription(subscription)); /* it asks again, after a while */
    else
        step(subscription);
}

/* False: nothing was found. */
static bool begin_pass(struct subscription *subscription)
{
    subscription->form = (struct record_streambed){.most = PAGE_BYTES - PAGE_END - HEAD_BYTES, .last_offset = -1};
    subscription->made = (struct form_pass){.server = subscription->streambed->server,
                                            .read = &subscription->read,
                                            .parts = subscription->parts,
                                            .positions = subscription->positions,
                                            .ranges = subscription->ranges,
                                            .form = record_streambed_write,
                                            .form_context = &subscription->form,
                                            .done = on_made};
    if (!form_pass_prepare(&subscription->made))
        return false;
    subscription->state = SUBSCRIPTION_MAKING;
    form_pass_run(&subscription->made);
    return true;
}

/* ---- reading ---- */

/* What was passed over need not be read again. */
static void note_positions(struct subscription *subscription, const int64_t *positions)
{
    for (int32_t i = 0; i < subscription->read.part_count; i++)
        streambed_request_put(&subscription->asked, subscription->parts[i].topic, subscription->parts[i].partition,
                              positions[i] - 1);
}

/* Offsets of another log, or of records that are gone: from the start. */
static bool reset_lost(struct subscription *subscription)
{
    bool any = false;
    for (int32_t i = 0; i < subscription->read.part_count; i++) {
        const struct record_part *part = &subscription->parts[i];
        if (subscription->read.parts[i].error != KAFKA_OFFSET_OUT_OF_RANGE)
            continue;
        streambed_request_put(&subscription->asked, part->topic, part->partition, -1);
        any = true;
    }
    return any;
}

static void on_read(struct read_request *read)
{
    struct subscription *subscription = read->context;
    subscription->state = SUBSCRIPTION_WAITING;
    if (!subscription->is_ended && begin_pass(subscription))
        return;
    bool was_lost = reset_lost(subscription);
    release_read(subscription);
    if (was_lost || subscription->is_ended || subscription->is_changed || !subscription->has_begun)
        step(subscription);
    /* else the next look goes on */
}

static bool add_part(struct subscription *subscription, const struct topic *topic, int32_t index)
{
    struct partition *partition = topic->partitions[index];
    if (partition->log == NULL)
        return true;
    int64_t next = streambed_request_last(&subscription->asked, topic_name(topic), index) + 1;
    int64_t start = log_start_offset(partition->log);
    int64_t offset = next > start ? next : start;
    int32_t at = subscription->read.part_count++;
    slice name = arena_copy(&subscription->arena, topic_name(topic));
    subscription->parts[at] = (struct record_part){name, index};
    subscription->positions[at] = offset;
    subscription->read.parts[at] =
        (struct read_part){.partition = partition, .offset = offset, .max_bytes = READ_BYTES};
    return !slice_is_null(name);
}

/* False without memory. */
static bool list_parts(struct subscription *subscription)
{
    const struct topics *topics = &subscription->streambed->server->topics;
    struct arena *arena = &subscription->arena;
    size_t count = 0;
    for (size_t i = 0; i < subscription->asked.topic_count; i++) {
        const struct topic *topic = topics_find(topics, subscription->asked.topics[i]);
        count += topic != NULL ? (size_t)topic->partition_count : 0;
    }
    subscription->read = (struct read_request){.arena = arena};
    subscription->read.parts = arena_alloc(arena, count * sizeof *subscription->read.parts);
    subscription->parts = arena_alloc(arena, count * sizeof *subscription->parts);
    subscription->positions = arena_alloc(arena, count * sizeof *subscription->positions);
    subscription->ranges = arena_alloc(arena, count * sizeof *subscription->ranges);
    if (subscription->read.parts == NULL || subscription->parts == NULL || subscription->positions == NULL ||
        subscription->ranges == NULL)
        return false;
    uint32_t turn = subscription->streambed->turn++;
    for (size_t i = 0; i < subscription->asked.topic_count; i++) {
        const struct topic *topic =
            topics_find(topics, subscription->asked.topics[(i + turn) % subscription->asked.topic_count]);
        for (int32_t k = 0; topic != NULL && k < topic->partition_count; k++) {
            if (!add_part(subscription, topic, (int32_t)(((uint32_t)k + turn) % (uint32_t)topic->partition_count)))
                return false;
        }
    }
    return true;
}

static const struct http_stream stream;

/* There is nothing yet: the head goes out alone. */
static void begin_stream(struct subscription *subscription)
{
    subscription->has_begun = true;
    enum http_stream_state state =
        http_stream_begin(subscription->exchange, 200, STREAMBED_TYPE, HEADERS, &stream, subscription);
    subscription->is_ended |= state == HTTP_STREAM_GONE;
}

static void step(struct subscription *subscription)
{
    subscription->is_changed = false;
    if (!subscription->has_begun && (subscription->has_looked || subscription->is_stuck || subscription->is_ended))
        begin_stream(subscription);
    subscription->has_looked = true;
    if (subscription->is_ended) {
        http_stream_end(close_subscription(subscription));
        return;
    }
    if (subscription->is_stuck)
        return;
    if (!list_parts(subscription)) {
        http_stream_abort(close_subscription(subscription));
        return;
    }
    if (subscription->read.part_count == 0) {
        arena_reset(&subscription->arena);
        if (!subscription->has_begun)
            step(subscription);
        return;
    }
    subscription->read.max_bytes = READ_BYTES;
    subscription->read.min_bytes = 1;
    subscription->read.max_wait_ms = subscription->has_begun ? WAIT_MS : 0;
    subscription->read.committed = true;
    subscription->read.done = on_read;
    subscription->read.context = subscription;
    subscription->state = SUBSCRIPTION_READING;
    read_start(subscription->streambed->server->reads, &subscription->read);
}

/* ---- the way in ---- */

/* FNV-1a */
static uint64_t mix(uint64_t hash, slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Whether it has come too often. */
static bool count_repeat(struct streambed *streambed, const struct http_exchange *exchange)
{
    uint64_t peer = mix(UINT64_C(0xcbf29ce484222325), slice_of_text(exchange->connection->peer));
    uint64_t request = mix(peer, exchange->body);
    struct repeats *repeats = &streambed->repeats[peer % REPEATS_KEPT];
    repeats->count = repeats->request == request ? repeats->count + 1 : 0;
    repeats->request = request;
    if (repeats->count == REPEATS_MAX)
        log_warn(streambed->server->logger, "streambed",
                 "peer=%s asks for the same again and again: it cannot take the next record, and is sent nothing more",
                 exchange->connection->peer);
    return repeats->count >= REPEATS_MAX;
}

static void on_hurry(struct http_exchange *exchange)
{
    struct subscription *subscription = exchange->context;
    subscription->is_ended = true;
    if (subscription->state == SUBSCRIPTION_READING)
        read_cancel(&subscription->read);
    else if (subscription->state == SUBSCRIPTION_WAITING)
        step(subscription);
}

static void on_writable(struct http_exchange *exchange)
{
    (void)exchange;
}

static void on_look(uv_timer_t *timer)
{
    struct streambed *streambed = CONTAINER_OF(timer, struct streambed, look);
    bool is_changed = streambed->topics_seen != streambed->server->topics.changes;
    bool is_missing = false;
    streambed->topics_seen = streambed->server->topics.changes;
    for (struct subscription *subscription = streambed->subscriptions, *next; subscription != NULL;
         subscription = next) {
        next = subscription->next;
        if (is_changed && subscription->state == SUBSCRIPTION_READING) {
            subscription->is_changed = true;
            read_cancel(&subscription->read);
        } else if (subscription->state == SUBSCRIPTION_WAITING) {
            is_missing |= !subscription->is_stuck;
            step(subscription);
        }
    }
    if (streambed->count > 0)
        uv_timer_start(timer, on_look, is_missing ? LOOK_MS : IDLE_LOOK_MS, 0);
}

static const struct http_stream stream = {.writable = on_writable, .hurry = on_hurry};

static void begin(struct subscription *subscription, bool is_stuck)
{
    struct streambed *streambed = subscription->streambed;
    subscription->next = streambed->subscriptions;
    subscription->link = &streambed->subscriptions;
    if (streambed->subscriptions != NULL)
        streambed->subscriptions->link = &subscription->next;
    streambed->subscriptions = subscription;
    if (streambed->count++ == 0)
        uv_timer_start(&streambed->look, on_look, LOOK_MS, 0);
    subscription->is_stuck = is_stuck;
    subscription->exchange->context = subscription;
    subscription->is_ended = streambed->is_stopping || !http_when_hurried(subscription->exchange, on_hurry);
    step(subscription);
}

void streambed_subscribe(struct http_exchange *exchange)
{
    struct streambed *streambed = exchange->server->rest->streambed;
    struct error error = {.code = 0};
    if (exchange->request.minor_version == 0) {
        http_reply_error(exchange, 505, "records come in chunks, which HTTP/1.1 has");
        return;
    }
    struct subscription *subscription = memory_alloc_zeroed(streambed->memory, MEMORY_REQUESTS, sizeof *subscription);
    if (subscription == NULL) {
        http_stream_abort(exchange);
        return;
    }
    subscription->streambed = streambed;
    subscription->exchange = exchange;
    arena_init(&subscription->arena, streambed->memory, MEMORY_REQUESTS, ARENA_MAX);
    int rc = streambed_request_read(&subscription->asked, exchange, &error);
    if (rc == 0) {
        begin(subscription, exchange->connection != NULL && count_repeat(streambed, exchange));
        return;
    }
    memory_free(streambed->memory, MEMORY_REQUESTS, subscription, sizeof *subscription);
    if (rc > 0)
        http_reply_error(exchange, rc, error.message);
}

/* ---- life ---- */

int streambed_open(struct server *server, struct streambed **opened)
{
    struct streambed *streambed = memory_alloc_zeroed(server->memory, MEMORY_SERVER, sizeof *streambed);
    if (streambed == NULL)
        return -ENOMEM;
    streambed->server = server;
    streambed->memory = server->memory;
    uv_timer_init(server->loop, &streambed->look);
    *opened = streambed;
    return 0;
}

void streambed_end_waits(struct streambed *streambed)
{
    streambed->is_stopping = true;
    for (struct subscription *subscription = streambed->subscriptions, *next; subscription != NULL;
         subscription = next) {
        next = subscription->next;
        on_hurry(subscription->exchange);
    }
}

bool streambed_idle(const struct streambed *streambed)
{
    return streambed->count == 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct streambed *streambed = CONTAINER_OF((uv_timer_t *)(void *)handle, struct streambed, look);
    memory_free(streambed->memory, MEMORY_SERVER, streambed, sizeof *streambed);
}

void streambed_close(struct streambed *streambed)
{
    uv_close((uv_handle_t *)&streambed->look, on_timer_closed);
}

uint64_t streambed_left_out(const struct streambed *streambed)
{
    return streambed->left_out;
}
