#include "rest/consumer_fetch.h"

#include "container.h"
#include "operations/groups.h"
#include "operations/operations.h"
#include "rest/consumer_private.h"
#include "rest/form_pass.h"
#include "rest/record_v2.h"
#include "rest/rest_failure.h"
#include "rest/v2.h"
#include "server.h"

#include <errno.h>
#include <stdio.h>

#define READ_LEAST    65536 /* bytes of batches; what a client wants of them may be less */
#define LOOK_AGAIN_MS 250   /* for a topic that is not there yet */
#define ARENA_MAX     ((size_t)16 << 20)

enum fetch_state {
    FETCH_QUEUED,  /* behind another one */
    FETCH_WAITING, /* for partitions */
    FETCH_READING,
    FETCH_MAKING /* the answer, in the pool */
};

struct consumer_fetch {
    struct consumer_instance *instance;
    struct http_exchange *exchange;
    const char *type; /* of the answer */
    int64_t deadline; /* ms of uv_now */
    int64_t max_bytes;
    struct consumer_fetch *next; /* of the instance */
    enum fetch_state state;
    bool has_begun;      /* what was handed out before is acknowledged */
    bool is_hurried;     /* answers with what there is */
    bool is_interrupted; /* what it reads is no longer what it should */
    bool is_ended;       /* `end` says why */
    enum consumer_change end;
    struct consumer_waiter waiter;

    /* Of one read */
    struct arena arena;
    struct read_request read;
    struct record_part *parts; /* one for each part of the read, as the two below */
    int64_t *positions;
    struct record_range *ranges;
    struct record_v2 form;
    struct form_pass made;
};

static void step(struct consumer_fetch *fetch);
static void wait_for(struct consumer_fetch *fetch, int64_t ms);

static int64_t now_of(const struct consumer_fetch *fetch)
{
    return (int64_t)uv_now(fetch->instance->server->loop);
}

/* ---- the end ---- */

struct fetch_answer {
    struct http_exchange *exchange;
    const char *type;
};

/* The next one begins before this one is answered, which may bring anything with it. */
static struct fetch_answer end(struct consumer_fetch *fetch)
{
    struct consumer_instance *instance = fetch->instance;
    struct fetch_answer answer = {fetch->exchange, fetch->type};
    struct consumer_fetch **link = &instance->fetches;
    bool was_first = *link == fetch;
    while (*link != fetch)
        link = &(*link)->next;
    *link = fetch->next;
    (void)!http_when_hurried(fetch->exchange, NULL);
    arena_close(&fetch->arena);
    memory_free(instance->server->memory, MEMORY_REQUESTS, fetch, sizeof *fetch);
    instance->touched = (int64_t)uv_now(instance->server->loop);
    if (was_first && instance->fetches != NULL)
        step(instance->fetches);
    else
        consumer_instance_settle(instance);
    return answer;
}

static void end_empty(struct consumer_fetch *fetch)
{
    struct fetch_answer answer = end(fetch);
    http_reply(answer.exchange, 200, answer.type, NULL, slice_of_text("[]"));
}

static void end_refused(struct consumer_fetch *fetch, int error_code, const char *words)
{
    struct fetch_answer answer = end(fetch);
    http_reply_error(answer.exchange, error_code, words);
}

static void end_failed(struct consumer_fetch *fetch, const char *words)
{
    char text[400];
    snprintf(text, sizeof text, "Kafka error: %s", words);
    end_refused(fetch, V2_KAFKA_ERROR, text);
}

static void end_as_told(struct consumer_fetch *fetch)
{
    if (fetch->end == CONSUMER_GONE)
        end_refused(fetch, V2_NO_INSTANCE, "Consumer instance not found.");
    else
        end_empty(fetch);
}

/* ---- what was read ---- */

static void release_read(struct consumer_fetch *fetch)
{
    read_release(&fetch->read);
    arena_reset(&fetch->arena);
}

/* Nobody has it who does not listen, or asks for the head alone. */
static bool is_heard(const struct consumer_fetch *fetch)
{
    return fetch->exchange->connection != NULL && fetch->exchange->request.method == HTTP_METHOD_GET;
}

static void take_positions(struct consumer_fetch *fetch, const int64_t *positions)
{
    for (int32_t i = 0; i < fetch->read.part_count; i++) {
        struct consumer_partition *partition =
            consumer_partitions_find(&fetch->instance->partitions, fetch->parts[i].topic, fetch->parts[i].partition);
        if (partition != NULL)
            partition->position = positions[i];
    }
}

static void fail_pass(struct consumer_fetch *fetch)
{
    char words[TOPIC_NAME_MAX + 200];
    const struct record_pass *pass = &fetch->made.pass;
    int32_t part = fetch->form.is_spoilt ? pass->turn : pass->failed_part;
    int64_t offset = pass->at != NULL ? pass->at[part] : fetch->positions[part];
    snprintf(words, sizeof words,
             "Error deserializing key/value for partition %.*s-%d at offset %lld. If needed, please seek past the "
             "record to continue consumption.",
             SLICE_PRINT(fetch->parts[part].topic), fetch->parts[part].partition, (long long)offset);
    int status = pass->status;
    record_pass_close(&fetch->made.pass);
    release_read(fetch);
    if (status == -ENOMEM)
        end_refused(fetch, REST_NO_MEMORY, "out of memory");
    else
        end_failed(fetch, words);
}

/* With a failure what came before it is good. */
static void on_made(struct form_pass *made)
{
    struct consumer_fetch *fetch = CONTAINER_OF(made, struct consumer_fetch, made);
    struct record_pass *pass = &made->pass;
    const struct record_block *last = form_pass_block(made);
    bool is_void = fetch->is_interrupted || fetch->is_ended;
    if (!is_void && (last == NULL || last->records == 0) && (pass->status != 0 || fetch->form.is_spoilt)) {
        fail_pass(fetch);
        return;
    }
    if (!is_void && last != NULL && (last->records == 0 || is_heard(fetch)))
        take_positions(fetch, last->positions);
    if (is_void || last == NULL || last->records == 0) {
        record_pass_close(pass);
        release_read(fetch);
        fetch->state = FETCH_WAITING;
        step(fetch);
        return;
    }
    writer body = pass->bytes;
    write_u8(&body, ']');
    pass->bytes = (writer){.memory = body.memory};
    record_pass_close(pass);
    release_read(fetch);
    struct fetch_answer answer = end(fetch);
    http_reply_written(answer.exchange, 200, answer.type, &body);
    writer_close(&body);
}

/* ---- reading ---- */

/* Where there is nothing any more, or not yet, the policy decides. False: it has none, and the fetch is over. */
static bool reset_lost(struct consumer_fetch *fetch)
{
    for (int32_t i = 0; i < fetch->read.part_count; i++) {
        const struct read_part *part = &fetch->read.parts[i];
        struct consumer_partition *partition =
            consumer_partitions_find(&fetch->instance->partitions, fetch->parts[i].topic, fetch->parts[i].partition);
        if (part->error != KAFKA_OFFSET_OUT_OF_RANGE || partition == NULL)
            continue;
        char words[TOPIC_NAME_MAX + 100];
        snprintf(words, sizeof words, "Fetch position %lld is out of range for partition %.*s-%d",
                 (long long)partition->position, SLICE_PRINT(partition->topic), partition->index);
        if (fetch->instance->settings.reset == CONSUMER_NO_RESET) {
            release_read(fetch);
            end_failed(fetch, words);
            return false;
        }
        consumer_instance_reset(fetch->instance, partition);
    }
    return true;
}

/* False: nothing was found. */
static bool begin_pass(struct consumer_fetch *fetch)
{
    fetch->form = (struct record_v2){.is_json = fetch->instance->settings.format == CONSUMER_JSON,
                                     .most = (size_t)fetch->max_bytes};
    fetch->made = (struct form_pass){.server = fetch->instance->server,
                                     .read = &fetch->read,
                                     .parts = fetch->parts,
                                     .positions = fetch->positions,
                                     .ranges = fetch->ranges,
                                     .form = record_v2_write,
                                     .form_context = &fetch->form,
                                     .done = on_made};
    if (!form_pass_prepare(&fetch->made))
        return false;
    fetch->state = FETCH_MAKING;
    form_pass_run(&fetch->made);
    return true;
}

static void on_read(struct read_request *read)
{
    struct consumer_fetch *fetch = read->context;
    fetch->state = FETCH_WAITING;
    if (fetch->is_interrupted || fetch->is_ended) {
        release_read(fetch);
        step(fetch);
        return;
    }
    if (!reset_lost(fetch))
        return;
    if (begin_pass(fetch))
        return;
    bool is_lost = false;
    for (int32_t i = 0; i < read->part_count; i++)
        is_lost |= read->parts[i].error == KAFKA_OFFSET_OUT_OF_RANGE;
    release_read(fetch);
    if (is_lost)
        step(fetch);
    else if (fetch->is_hurried || now_of(fetch) >= fetch->deadline)
        end_empty(fetch);
    else
        wait_for(fetch, LOOK_AGAIN_MS);
}

/* Those that are there, the one after the last that was read first: so that none has to wait for the others. False
 * without memory. */
static bool list_parts(struct consumer_fetch *fetch, const struct consumer_partition **undecided)
{
    struct consumer_instance *instance = fetch->instance;
    const struct consumer_partitions *partitions = &instance->partitions;
    size_t count = partitions->count;
    struct read_part *parts = arena_alloc(&fetch->arena, count * sizeof *parts);
    fetch->parts = arena_alloc(&fetch->arena, count * sizeof *fetch->parts);
    fetch->positions = arena_alloc(&fetch->arena, count * sizeof *fetch->positions);
    fetch->ranges = arena_alloc(&fetch->arena, count * sizeof *fetch->ranges);
    *undecided = NULL;
    fetch->read.parts = parts;
    fetch->read.part_count = 0;
    if (parts == NULL || fetch->parts == NULL || fetch->positions == NULL || fetch->ranges == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct consumer_partition *partition = &partitions->items[(i + instance->turn) % count];
        struct partition *found = consumer_instance_locate(instance, partition);
        bool is_placed = consumer_instance_place(instance, partition);
        if (found != NULL && !is_placed)
            *undecided = partition;
        if (!is_placed)
            continue;
        int32_t at = fetch->read.part_count++;
        slice topic = arena_copy(&fetch->arena, partition->topic);
        if (slice_is_null(topic))
            return false;
        fetch->parts[at] = (struct record_part){topic, partition->index};
        fetch->positions[at] = partition->position;
        parts[at] = (struct read_part){.partition = found, .offset = partition->position};
    }
    instance->turn++;
    return true;
}

static int32_t raw_bytes(const struct consumer_fetch *fetch)
{
    return fetch->max_bytes < READ_LEAST ? READ_LEAST : (int32_t)fetch->max_bytes;
}

static void begin_read(struct consumer_fetch *fetch)
{
    const struct consumer_partition *undecided;
    fetch->is_interrupted = false;
    fetch->read = (struct read_request){.arena = &fetch->arena};
    if (!list_parts(fetch, &undecided)) {
        arena_reset(&fetch->arena);
        end_refused(fetch, REST_NO_MEMORY, "out of memory");
        return;
    }
    if (undecided != NULL) {
        char words[TOPIC_NAME_MAX + 100];
        snprintf(words, sizeof words, "Undefined offset with no reset policy for partitions: [%.*s-%d]",
                 SLICE_PRINT(undecided->topic), undecided->index);
        end_failed(fetch, words);
        return;
    }
    if (fetch->read.part_count == 0) {
        wait_for(fetch, LOOK_AGAIN_MS);
        return;
    }
    int64_t left = fetch->is_hurried ? 0 : fetch->deadline - now_of(fetch);
    for (int32_t i = 0; i < fetch->read.part_count; i++)
        fetch->read.parts[i].max_bytes = raw_bytes(fetch);
    fetch->read.max_bytes = raw_bytes(fetch);
    fetch->read.min_bytes = fetch->instance->settings.min_bytes;
    fetch->read.max_wait_ms = (int32_t)(left > 0 ? left : 0);
    fetch->read.committed = true;
    fetch->read.done = on_read;
    fetch->read.context = fetch;
    fetch->state = FETCH_READING;
    read_start(fetch->instance->server->reads, &fetch->read);
}

/* ---- the way through it ---- */

static void on_changed(struct consumer_waiter *waiter, enum consumer_change change)
{
    struct consumer_fetch *fetch = CONTAINER_OF(waiter, struct consumer_fetch, waiter);
    if (change == CONSUMER_GONE || change == CONSUMER_STOPPING) {
        fetch->is_ended = true;
        fetch->end = change;
    }
    step(fetch);
}

/* For a change of the instance, for at most so long. */
static void wait_for(struct consumer_fetch *fetch, int64_t ms)
{
    int64_t now = now_of(fetch);
    if (fetch->is_hurried || now >= fetch->deadline) {
        end_empty(fetch);
        return;
    }
    fetch->state = FETCH_WAITING;
    fetch->waiter.changed = on_changed;
    fetch->waiter.deadline = fetch->deadline - now < ms ? fetch->deadline : now + ms;
    consumer_instance_wait(fetch->instance, &fetch->waiter);
}

/* Why it cannot have partitions; KAFKA_NONE: it can, or may soon. */
static enum kafka_error find_obstacle(const struct consumer_instance *instance)
{
    enum kafka_error error = instance->member.state == CONSUMER_OUT ? instance->member.error : KAFKA_NONE;
    bool passes = error == KAFKA_UNKNOWN_MEMBER_ID || error == KAFKA_ILLEGAL_GENERATION ||
                  error == KAFKA_REBALANCE_IN_PROGRESS || kafka_error_is_retriable((int16_t)error);
    return consumer_is_subscribed(instance) && !passes ? error : KAFKA_NONE;
}

static void step(struct consumer_fetch *fetch)
{
    struct consumer_instance *instance = fetch->instance;
    enum kafka_error obstacle = find_obstacle(instance);
    if (!group_coordinator_available(group_service_coordinator(instance->server->groups)))
        obstacle = KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (fetch->is_ended) {
        end_as_told(fetch);
    } else if (instance->mode == CONSUMER_IDLE) {
        end_failed(fetch, "Consumer is not subscribed to any topics or assigned any partitions");
    } else if (obstacle != KAFKA_NONE) {
        end_failed(fetch, rest_error_text(obstacle));
    } else if (!consumer_instance_is_ready(instance) || instance->partitions.count == 0) {
        wait_for(fetch, INT32_MAX);
    } else {
        if (!fetch->has_begun)
            consumer_instance_acknowledge(instance);
        fetch->has_begun = true;
        begin_read(fetch);
    }
}

/* ---- from outside ---- */

static void on_hurry(struct http_exchange *exchange)
{
    struct consumer_fetch *fetch = exchange->context;
    fetch->is_hurried = true;
    if (fetch->state == FETCH_READING) {
        if (exchange->connection == NULL)
            read_cancel(&fetch->read);
        else
            read_hurry(&fetch->read);
    } else if (fetch->state == FETCH_WAITING) {
        consumer_waiter_cancel(&fetch->waiter);
        end_empty(fetch);
    } else if (fetch->state == FETCH_QUEUED) {
        end_empty(fetch);
    }
}

void consumer_fetch_start(struct http_exchange *exchange, struct consumer_instance *instance, int64_t timeout_ms,
                          int64_t max_bytes, const char *media_type)
{
    struct memory *memory = instance->server->memory;
    struct consumer_fetch *fetch = memory_alloc_zeroed(memory, MEMORY_REQUESTS, sizeof *fetch);
    if (fetch == NULL) {
        rest_reply_no_memory(exchange);
        return;
    }
    fetch->instance = instance;
    fetch->exchange = exchange;
    fetch->type = media_type;
    fetch->max_bytes = max_bytes;
    fetch->deadline = now_of(fetch) + timeout_ms;
    arena_init(&fetch->arena, memory, MEMORY_REQUESTS, ARENA_MAX);
    struct consumer_fetch **link = &instance->fetches;
    while (*link != NULL)
        link = &(*link)->next;
    *link = fetch;
    exchange->context = fetch;
    fetch->is_hurried = !http_when_hurried(exchange, on_hurry);
    if (instance->fetches == fetch)
        step(fetch);
}

void consumer_fetch_interrupt(struct consumer_instance *instance)
{
    struct consumer_fetch *fetch = instance->fetches;
    if (fetch == NULL)
        return;
    fetch->is_interrupted = true;
    if (fetch->state == FETCH_READING)
        read_cancel(&fetch->read);
}

/* Those that wait behind the first are answered at once; the first, when what it does is done. */
void consumer_fetch_end_all(struct consumer_instance *instance, enum consumer_change change)
{
    struct consumer_fetch *first = instance->fetches;
    for (struct consumer_fetch *fetch = first; fetch != NULL; fetch = fetch->next) {
        fetch->is_ended = true;
        fetch->end = change;
    }
    if (first == NULL)
        return;
    while (first->next != NULL)
        end_as_told(first->next);
    if (first->state == FETCH_READING)
        read_cancel(&first->read);
}
