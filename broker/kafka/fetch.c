/* Fetch (key 1). Sessions are KIP-227's, topic ids KIP-516's, epochs KIP-320's and KIP-595's. Records go from the file
 * to the socket; they are never looked at here. */
#include "kafka/fetch_session.h"
#include "kafka/request.h"
#include "operations/operations.h"

struct fetch {
    struct kafka_request *request;
    struct fetch_context context;
    struct read_request read;
    struct read_part *parts;                          /* one for each target, as the two below */
    struct fetch_response_diverging_epoch *diverging; /* NULL while there is none */
    struct file_range *ranges;
};

/* ---- the answer ---- */

static void answer_error(struct kafka_request *request, enum kafka_error error)
{
    struct fetch_response response = FETCH_RESPONSE_DEFAULTS;
    response.error_code = (int16_t)error;
    kafka_answer(request, &response);
}

static void release(struct kafka_request *request)
{
    struct fetch *fetch = request->handler_state;
    read_release(&fetch->read);
}

static void hurry(struct kafka_request *request)
{
    struct fetch *fetch = request->handler_state;
    if (request->connection == NULL)
        read_cancel(&fetch->read);
    else
        read_hurry(&fetch->read);
}

/* Only where what was committed is read; else null. */
static bool fill_aborted(struct fetch *fetch, int32_t index, struct fetch_response_partition *answer)
{
    const struct log_read *read = fetch->parts[index].read;
    uint32_t count = read != NULL ? read->aborted_count : 0;
    bool is_told = fetch->read.committed && fetch->context.targets[index].error == KAFKA_NONE;
    answer->aborted_transactions.count = is_told ? (int32_t)count : -1;
    if (!is_told || count == 0)
        return true;
    struct fetch_response_aborted_transaction *items = arena_alloc(&fetch->request->arena, count * sizeof *items);
    answer->aborted_transactions.items = items;
    if (items == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        items[i] = FETCH_RESPONSE_ABORTED_TRANSACTION_DEFAULTS;
        items[i].producer_id = read->aborted[i].producer_id;
        items[i].first_offset = read->aborted[i].first_offset;
    }
    return true;
}

static bool fill_partition(struct fetch *fetch, int32_t index, struct fetch_response_partition *answer)
{
    const struct fetch_target *target = &fetch->context.targets[index];
    const struct read_part *part = &fetch->parts[index];
    *answer = FETCH_RESPONSE_PARTITION_DEFAULTS;
    answer->partition_index = target->partition;
    answer->error_code = (int16_t)target->error;
    answer->high_watermark = part->high_watermark;
    answer->last_stable_offset = part->stable_end;
    answer->log_start_offset = part->log_start;
    answer->records.bytes = slice_of("", 0);
    if (fetch->diverging != NULL)
        answer->diverging_epoch = fetch->diverging[index];
    if (part->read != NULL) {
        fetch->ranges[index] = (struct file_range){.file = part->read->file, .position = part->read->position};
        answer->records.splice = &fetch->ranges[index];
        answer->records.splice_size = part->read->bytes;
    }
    return fill_aborted(fetch, index, answer);
}

static bool same_topic(const struct fetch *fetch, const struct fetch_target *a, const struct fetch_target *b)
{
    return fetch->context.by_id ? uuid_equal(a->topic_id, b->topic_id) : slice_equal(a->topic_name, b->topic_name);
}

/* Neighbours of the same topic share an entry. */
static bool fill_answer(struct fetch *fetch, struct fetch_response *response)
{
    struct arena *arena = &fetch->request->arena;
    int32_t count = 0;
    for (int32_t i = 0; i < fetch->context.count; i++)
        count += fetch->context.targets[i].must_answer;
    struct fetch_response_partition *partitions = arena_alloc(arena, (size_t)count * sizeof *partitions);
    response->responses.items = arena_alloc(arena, (size_t)count * sizeof *response->responses.items);
    if (partitions == NULL || response->responses.items == NULL)
        return false;
    const struct fetch_target *last = NULL;
    for (int32_t i = 0; i < fetch->context.count; i++) {
        const struct fetch_target *target = &fetch->context.targets[i];
        if (!target->must_answer)
            continue;
        if (last == NULL || !same_topic(fetch, last, target)) {
            struct fetch_response_topic *topic = &response->responses.items[response->responses.count++];
            *topic = FETCH_RESPONSE_TOPIC_DEFAULTS;
            topic->topic = target->topic_name;
            topic->topic_id = target->topic_id;
            topic->partitions.items = partitions;
            last = target;
        }
        if (!fill_partition(fetch, i, partitions++))
            return false;
        response->responses.items[response->responses.count - 1].partitions.count++;
    }
    return true;
}

static void on_read(struct read_request *read)
{
    struct fetch *fetch = read->context;
    struct kafka_request *request = fetch->request;
    struct server *server = request->server;
    for (int32_t i = 0; i < fetch->context.count; i++) {
        struct fetch_target *target = &fetch->context.targets[i];
        const struct read_part *part = &fetch->parts[i];
        target->error = part->error;
        target->high_watermark = part->high_watermark;
        target->log_start = part->log_start;
        target->has_records = part->read != NULL;
        target->must_answer = part->is_final;
    }
    fetch_sessions_end(server->sessions, &fetch->context, (int64_t)uv_now(server->loop));
    if (fetch->context.error != KAFKA_NONE) {
        read_release(read);
        answer_error(request, fetch->context.error);
        return;
    }
    struct fetch_response response = FETCH_RESPONSE_DEFAULTS;
    response.session_id = fetch->context.session_id;
    if (!fill_answer(fetch, &response)) {
        read_release(read);
        kafka_close(request, "out of memory");
        return;
    }
    request->release = release;
    kafka_answer(request, &response);
}

/* ---- the question ---- */

static void fail_part(struct read_part *part, enum kafka_error error)
{
    part->partition = NULL;
    part->error = error;
    part->high_watermark = -1;
    part->log_start = -1;
    part->stable_end = -1;
}

/* A client that has read what this log does not hold, or not under this epoch, is told where the two part (KIP-595). */
static void check_last_epoch(struct fetch *fetch, int32_t index)
{
    const struct fetch_target *target = &fetch->context.targets[index];
    struct read_part *part = &fetch->parts[index];
    const struct log *log = part->partition->log;
    int32_t epoch;
    int64_t end;
    find_epoch_end(log, target->last_fetched_epoch, &epoch, &end);
    if (epoch == -1 || end == -1 || target->offset < log_start_offset(log)) {
        fail_part(part, KAFKA_OFFSET_OUT_OF_RANGE);
        return;
    }
    if (epoch >= target->last_fetched_epoch && end >= target->offset)
        return;
    if (fetch->diverging == NULL) {
        struct arena *arena = &fetch->request->arena;
        fetch->diverging = arena_alloc(arena, (size_t)fetch->context.count * sizeof *fetch->diverging);
        if (fetch->diverging == NULL) {
            fail_part(part, KAFKA_KAFKA_STORAGE_ERROR);
            return;
        }
        for (int32_t i = 0; i < fetch->context.count; i++)
            fetch->diverging[i] = FETCH_RESPONSE_DIVERGING_EPOCH_DEFAULTS;
    }
    fetch->diverging[index].epoch = epoch;
    fetch->diverging[index].end_offset = end;
    part->is_final = true;
    part->high_watermark = log_end_offset(log);
    part->stable_end = log_stable_end_offset(log);
    part->log_start = log_start_offset(log);
}

/* v15 moved the id (KIP-903); where it is not, it is -1. */
static bool is_from_follower(const struct fetch_request *asked)
{
    return asked->replica_id >= 0 || asked->replica_state.replica_id >= 0;
}

static void ask_partition(struct fetch *fetch, int32_t index)
{
    const struct fetch_target *target = &fetch->context.targets[index];
    struct read_part *part = &fetch->parts[index];
    if (target->topic == NULL) {
        fail_part(part, target->error);
        return;
    }
    part->partition = topic_partition(target->topic, target->partition);
    if (part->partition == NULL) {
        fail_part(part, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    part->offset = target->offset;
    part->max_bytes = target->max_bytes;
    if (part->partition->log == NULL)
        return; /* the read says what is wrong */
    int32_t epoch =
        target->current_leader_epoch >= 0 ? target->current_leader_epoch : -1; /* Fetch alone is so lenient */
    enum kafka_error error = find_epoch_error(part->partition->log, epoch);
    if (error != KAFKA_NONE)
        fail_part(part, error);
    else if (is_from_follower(fetch->request->message))
        fail_part(part, KAFKA_NOT_LEADER_OR_FOLLOWER); /* nothing is replicated */
    else if (target->last_fetched_epoch >= 0)
        check_last_epoch(fetch, index);
}

static struct fetch *make_fetch(struct kafka_request *request)
{
    struct fetch *fetch = arena_alloc(&request->arena, sizeof *fetch);
    if (fetch == NULL)
        return NULL;
    struct server *server = request->server;
    fetch->request = request;
    if (fetch_sessions_begin(server->sessions, request->message, request->version, &server->topics,
                             (int64_t)uv_now(server->loop), &request->arena, &fetch->context) != 0)
        return NULL;
    size_t count = (size_t)fetch->context.count;
    fetch->parts = arena_alloc(&request->arena, count * sizeof *fetch->parts);
    fetch->ranges = arena_alloc(&request->arena, count * sizeof *fetch->ranges);
    return fetch->parts != NULL && fetch->ranges != NULL ? fetch : NULL;
}

void handle_fetch(struct kafka_request *request)
{
    const struct fetch_request *asked = request->message;
    struct fetch *fetch = make_fetch(request);
    if (fetch == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    if (fetch->context.error != KAFKA_NONE) {
        answer_error(request, fetch->context.error);
        return;
    }
    for (int32_t i = 0; i < fetch->context.count; i++)
        ask_partition(fetch, i);
    int32_t most = (int32_t)config_number(request->server->config, CONFIG_FETCH_MAX_BYTES);
    fetch->read = (struct read_request){
        .parts = fetch->parts,
        .part_count = fetch->context.count,
        .max_bytes = asked->max_bytes < most ? asked->max_bytes : most,
        .min_bytes = asked->min_bytes,
        .max_wait_ms = asked->max_wait_ms,
        .committed = asked->isolation_level == 1,
        .arena = &request->arena,
        .done = on_read,
        .context = fetch,
    };
    request->handler_state = fetch;
    request->hurry = hurry;
    kafka_request_count(request);
    read_start(request->server->reads, &fetch->read);
}
