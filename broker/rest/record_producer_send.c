/* Happy path. All batches become the parts of one append, whose results are the records'.
 *
 * Sent again. What the log knows is answered as it was the first time. It remembers the last batches of a producer
 * only; an older one is out of order, and that it has been written shows in that the producer's last sequence is at or
 * past its own. With acks=all such a one has to be on the disk, too: then the partition is synced before the end. */
#include "rest/record_producer_private.h"
#include "server.h"

/* ---- appending ---- */

static void on_synced(struct append_request *append)
{
    struct record_producer *producer = append->context;
    producer->done(producer->context);
}

struct search {
    int64_t producer_id;
    int32_t last_sequence; /* -1: not found */
};

static int find_producer(void *context, const struct log_producer *producer)
{
    struct search *search = context;
    if (producer->producer_id != search->producer_id)
        return 0;
    search->last_sequence = producer->last_sequence;
    return 1;
}

static bool was_written_before(const struct record_producer *producer, const struct forming_batch *batch,
                               const struct append_part *part)
{
    bool is_candidate =
        part->error == KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER || part->error == KAFKA_DUPLICATE_SEQUENCE_NUMBER;
    if (producer->settings.identity == NULL || !is_candidate || part->partition->log == NULL)
        return false;
    struct search search = {producer->settings.identity->producer_id, -1};
    (void)log_list_producers(part->partition->log, find_producer, &search);
    return search.last_sequence >= batch->builder.options.base_sequence + batch->builder.count - 1;
}

/* What was written before and is not known by its batch any more. */
static void on_appended(struct append_request *append)
{
    struct record_producer *producer = append->context;
    bool must_sync = false;
    for (uint32_t i = 0; i < producer->batch_count; i++) {
        struct append_part *part = &producer->parts[i];
        struct forming_batch *batch = producer->batches[i];
        batch->was_written_before = was_written_before(producer, batch, part);
        if (!batch->was_written_before) {
            part->partition = part->error == KAFKA_NONE ? part->partition : NULL;
            continue;
        }
        part->error = KAFKA_NONE;
        part->base_offset = INT64_MAX; /* all that is there */
        must_sync = producer->settings.acks == APPEND_ACKS_ALL;
    }
    if (!must_sync) {
        producer->done(producer->context);
        return;
    }
    append->done = on_synced;
    append_start_sync(producer->settings.server->appends, append);
}

static void refuse_part(struct record_producer *producer, struct append_part *part, enum kafka_error code,
                        const char *text)
{
    part->partition = NULL;
    part->error = code;
    part->words = arena_copy(&producer->arena, slice_of_text(text));
}

static void close_batch(struct record_producer *producer, uint32_t i)
{
    struct forming_batch *batch = producer->batches[i];
    struct append_part *part = &producer->parts[i];
    struct error error = {0};
    int rc = batch_builder_close(&batch->builder, &error);
    batch->builder.to = NULL;
    part->partition = topic_partition(producer->settings.topic, batch->partition);
    part->batch = batch->bytes.data;
    part->size = batch->bytes.size;
    if (rc != 0)
        refuse_part(producer, part, rc == -ENOMEM ? KAFKA_KAFKA_STORAGE_ERROR : KAFKA_MESSAGE_TOO_LARGE, error.message);
}

/* Without memory, all have failed. */
static void fail_all(struct append_request *append)
{
    struct record_producer *producer = append->context;
    producer->done(producer->context);
}

void record_producer_send(struct record_producer *producer, void (*done)(void *context), void *context)
{
    producer->done = done;
    producer->context = context;
    producer->append = (struct append_request){
        .acks = producer->settings.acks, .arena = &producer->arena, .done = on_appended, .context = producer};
    if (producer->batch_count != 0)
        producer->parts =
            memory_alloc_zeroed(producer->memory, MEMORY_REQUESTS, producer->batch_count * sizeof *producer->parts);
    if (producer->parts != NULL) {
        for (uint32_t i = 0; i < producer->batch_count; i++)
            close_batch(producer, i);
        producer->append.parts = producer->parts;
        producer->append.part_count = (int32_t)producer->batch_count;
    } else {
        producer->append.done = fail_all;
    }
    append_start(producer->settings.server->appends, &producer->append);
}

/* ---- results ---- */

static struct produced result_of(const struct record_producer *producer, uint32_t i, int32_t index, int64_t timestamp)
{
    const struct forming_batch *batch = producer->batches[i];
    struct produced produced = {KAFKA_KAFKA_STORAGE_ERROR, NULL_SLICE, batch->partition, -1, timestamp};
    if (producer->parts == NULL)
        return produced;
    const struct append_part *part = &producer->parts[i];
    produced.error = part->error;
    produced.words = part->words;
    if (part->error == KAFKA_NONE && !batch->was_written_before)
        produced.offset = part->base_offset + index;
    if (part->error == KAFKA_NONE && part->log_append_time >= 0)
        produced.timestamp = part->log_append_time;
    for (int32_t k = 0; k < part->record_error_count; k++)
        if (part->record_errors[k].index == index)
            produced.words = part->record_errors[k].words;
    if (part->error == KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER && producer->settings.identity != NULL)
        produced.words = slice_of_text("The Idempotency-Key was used for other records.");
    return produced;
}

struct produced record_producer_result(const struct record_producer *producer, size_t i)
{
    const struct record_place *place = &producer->places[i];
    if (place->batch != PLACE_REFUSED)
        return result_of(producer, place->batch, place->index, place->timestamp);
    const struct record_refusal *refusal = &producer->refusals[place->index];
    return (struct produced){refusal->error, refusal->words, -1, -1, place->timestamp};
}
