/* Happy path. Each partition has one open batch; a record that would make it too large for the topic closes it and
 * opens the next one. All batches become the parts of one append, whose results are the records'.
 *
 * Sent again. What the log knows is answered as it was the first time. It remembers the last batches of a producer
 * only; an older one is out of order, and that it has been written shows in that the producer's last sequence is at or
 * past its own. With acks=all such a one has to be on the disk, too: then the partition is synced before the end. */
#include "rest/record_producer.h"

#include "batch_builder.h"
#include "rest/partitioner.h"
#include "server.h"
#include "sha1.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Bytes of a record beside its key, value and headers, and of a header beside name and value, at most. */
#define RECORD_ROOM 36
#define HEADER_ROOM 10
/* A batch with more goes to the disk by itself: larger ones would gain nothing and make readers wait. */
#define BATCH_TARGET ((size_t)512 << 10)
#define WORDS_MAX    ((size_t)1 << 20)
#define REFUSED      UINT32_MAX

/* Batches under way, of a partition. */
struct forming {
    struct batch_builder builder;
    writer bytes;
    size_t payload;
    int32_t partition;
    bool was_written_before; /* so long ago that the offsets are not known */
};

/* Where a record's result is. */
struct place {
    uint32_t batch;
    int32_t index; /* in the batch; of a refused one: among the refusals */
    int64_t timestamp;
};

struct refusal {
    enum kafka_error error;
    slice words;
};

struct record_producer {
    struct record_producer_settings settings;
    struct memory *memory;
    int64_t now;
    size_t largest; /* payload of a batch with several records */

    struct forming **batches;
    uint32_t batch_count, batch_capacity;
    uint32_t *open; /* by partition: its open batch and 1; 0: none */
    struct place *places;
    size_t place_count, place_capacity;
    struct refusal *refusals;
    size_t refusal_count, refusal_capacity;
    size_t count;
    size_t bytes; /* payload of all records */
    struct arena arena;

    struct append_part *parts;
    struct append_request append;
    void (*done)(void *context);
    void *context;
};

int64_t record_identity_of(slice key)
{
    uint8_t digest[SHA1_SIZE];
    sha1(key, digest); /* who finds two keys with one id harms only himself */
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | digest[i];
    return (int64_t)(number >> 2 | UINT64_C(1) << 62); /* ids that are handed out count up from 0 */
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

struct record_producer *record_producer_make(const struct record_producer_settings *settings)
{
    struct memory *memory = settings->server->memory;
    struct record_producer *producer = memory_alloc_zeroed(memory, MEMORY_REQUESTS, sizeof *producer);
    if (producer == NULL)
        return NULL;
    const struct topic_config *config = &settings->topic->config;
    size_t partitions = (size_t)settings->partitions;
    producer->open = memory_alloc_zeroed(memory, MEMORY_REQUESTS, partitions * sizeof *producer->open);
    if (producer->open == NULL) {
        memory_free(memory, MEMORY_REQUESTS, producer, sizeof *producer);
        return NULL;
    }
    producer->settings = *settings;
    producer->memory = memory;
    producer->now = server_now(settings->server);
    producer->largest =
        smaller(BATCH_TARGET, smaller((size_t)config->max_message_bytes, (size_t)config->log.segment_bytes));
    arena_init(&producer->arena, memory, MEMORY_REQUESTS, WORDS_MAX);
    topic_hold(settings->topic);
    return producer;
}

static void free_batch(struct memory *memory, struct forming *batch)
{
    struct error error;
    if (batch->builder.to != NULL)
        (void)!batch_builder_close(&batch->builder, &error);
    writer_close(&batch->bytes);
    memory_free(memory, MEMORY_REQUESTS, batch, sizeof *batch);
}

void record_producer_free(struct record_producer *producer)
{
    struct memory *memory = producer->memory;
    for (uint32_t i = 0; i < producer->batch_count; i++)
        free_batch(memory, producer->batches[i]);
    memory_free(memory, MEMORY_REQUESTS, producer->batches, producer->batch_capacity * sizeof *producer->batches);
    memory_free(memory, MEMORY_REQUESTS, producer->places, producer->place_capacity * sizeof *producer->places);
    memory_free(memory, MEMORY_REQUESTS, producer->refusals, producer->refusal_capacity * sizeof *producer->refusals);
    memory_free(memory, MEMORY_REQUESTS, producer->open,
                (size_t)producer->settings.partitions * sizeof *producer->open);
    if (producer->parts != NULL)
        memory_free(memory, MEMORY_REQUESTS, producer->parts, producer->batch_count * sizeof *producer->parts);
    arena_close(&producer->arena);
    topic_release(&producer->settings.server->topics, producer->settings.topic);
    memory_free(memory, MEMORY_REQUESTS, producer, sizeof *producer);
}

/* ---- what the topic refuses ---- */

static enum kafka_error refuse(struct record_producer *producer, enum kafka_error error, const char *text, slice *words)
{
    *words = arena_copy(&producer->arena, slice_of_text(text));
    return error;
}

static bool is_out_of_range(const struct topic_config *config, int64_t now, int64_t timestamp)
{
    if (config->log_append_time || timestamp == BATCH_NO_TIMESTAMP)
        return false;
    bool is_old = config->timestamp_before_max_ms != INT64_MAX && timestamp < now - config->timestamp_before_max_ms;
    bool is_new = config->timestamp_after_max_ms <= INT64_MAX - now && timestamp > now + config->timestamp_after_max_ms;
    return is_old || is_new;
}

/* As append would refuse the whole batch for it (append_check.h), in the same words. */
static enum kafka_error judge(struct record_producer *producer, const struct parsed_record *record, int64_t timestamp,
                              slice *words)
{
    char text[256 + TOPIC_NAME_MAX];
    const struct topic *topic = producer->settings.topic;
    if (record->partition >= producer->settings.partitions) {
        snprintf(text, sizeof text,
                 "Partition %" PRId32 " of topic %s with partition count %" PRId32 " is not present in metadata.",
                 record->partition, topic->name, producer->settings.partitions);
        return refuse(producer, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, text, words);
    }
    if (topic->config.keys_required && slice_is_null(record->key)) {
        snprintf(text, sizeof text, "Compacted topic cannot accept message without key in topic %s.", topic->name);
        return refuse(producer, KAFKA_INVALID_RECORD, text, words);
    }
    if (is_out_of_range(&topic->config, producer->now, timestamp)) {
        snprintf(text, sizeof text, "Timestamp %" PRId64 " of message is out of range.", timestamp);
        return refuse(producer, KAFKA_INVALID_TIMESTAMP, text, words);
    }
    return KAFKA_NONE;
}

/* ---- batches ---- */

static size_t payload_of(const struct parsed_record *record)
{
    size_t size = RECORD_ROOM + record->key.size + record->value.size;
    for (size_t i = 0; i < record->header_count; i++)
        size += HEADER_ROOM + record->headers[i].key.size + record->headers[i].value.size;
    return size;
}

static int32_t choose(const struct record_producer *producer, const struct parsed_record *record)
{
    int32_t partitions = producer->settings.partitions;
    if (record->partition >= 0)
        return record->partition;
    if (!slice_is_null(record->key))
        return partitioner_choose(record->key, partitions);
    return (int32_t)(producer->settings.start % (uint32_t)partitions);
}

/* Room for one more; 0 or -ENOMEM. */
static int grow(struct memory *memory, void **items, size_t count, size_t *capacity, size_t item)
{
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity != 0 ? 2 * *capacity : 16;
    void *grown = memory_realloc(memory, MEMORY_REQUESTS, *items, *capacity * item, wanted * item);
    if (grown == NULL)
        return -ENOMEM;
    *items = grown;
    *capacity = wanted;
    return 0;
}

static int make_batch(struct record_producer *producer, int32_t partition)
{
    size_t capacity = producer->batch_capacity;
    void *batches = producer->batches;
    int rc = grow(producer->memory, &batches, producer->batch_count, &capacity, sizeof *producer->batches);
    producer->batches = batches;
    producer->batch_capacity = (uint32_t)capacity;
    struct forming *batch = rc == 0 ? memory_alloc_zeroed(producer->memory, MEMORY_REQUESTS, sizeof *batch) : NULL;
    if (batch == NULL)
        return -ENOMEM;
    writer_init(&batch->bytes, producer->memory, MEMORY_REQUESTS, INT32_MAX);
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    const struct record_identity *identity = producer->settings.identity;
    if (identity != NULL) {
        options.producer_id = identity->producer_id;
        options.producer_epoch = 0;
        options.base_sequence = identity->sequences[partition];
    }
    batch_builder_open(&batch->builder, &batch->bytes, &options);
    batch->partition = partition;
    producer->batches[producer->batch_count++] = batch;
    producer->open[partition] = producer->batch_count;
    return 0;
}

/* The batch of the partition that so much goes into; NULL without memory. */
static struct forming *batch_for(struct record_producer *producer, int32_t partition, size_t payload)
{
    uint32_t open = producer->open[partition];
    bool is_full = open != 0 && producer->batches[open - 1]->payload + payload > producer->largest;
    if ((open == 0 || is_full) && make_batch(producer, partition) != 0)
        return NULL;
    return producer->batches[producer->open[partition] - 1];
}

/* In int32, 0 follows INT32_MAX. */
static void count_sequence(const struct record_producer *producer, int32_t partition)
{
    if (producer->settings.identity == NULL)
        return;
    int32_t *next = &producer->settings.identity->sequences[partition];
    *next = *next == INT32_MAX ? 0 : *next + 1;
}

static int put(struct record_producer *producer, const struct parsed_record *record, int64_t timestamp,
               struct place *place)
{
    int32_t partition = choose(producer, record);
    size_t payload = payload_of(record);
    struct forming *batch = batch_for(producer, partition, payload);
    if (batch == NULL)
        return -ENOMEM;
    *place = (struct place){producer->open[partition] - 1, batch->builder.count, timestamp};
    batch_builder_add_with_headers(&batch->builder, timestamp, record->key, record->value, record->headers,
                                   record->header_count);
    if (batch->builder.status != 0)
        return -ENOMEM;
    batch->payload += payload;
    producer->bytes += payload;
    count_sequence(producer, partition);
    return 0;
}

/* So that what is added can be noted; 0 or -ENOMEM. */
static int make_places(struct record_producer *producer)
{
    void *places = producer->places, *refusals = producer->refusals;
    int rc = grow(producer->memory, &places, producer->place_count, &producer->place_capacity, sizeof(struct place));
    producer->places = places;
    if (rc == 0)
        rc = grow(producer->memory, &refusals, producer->refusal_count, &producer->refusal_capacity,
                  sizeof(struct refusal));
    producer->refusals = refusals;
    return rc;
}

int record_producer_add(struct record_producer *producer, const struct parsed_record *record, enum kafka_error *refused,
                        slice *words)
{
    bool keeps = producer->settings.keeps_results;
    int64_t timestamp = record->has_timestamp ? record->timestamp : producer->now;
    struct place place = {REFUSED, (int32_t)producer->refusal_count, timestamp};
    *words = NULL_SLICE;
    *refused = judge(producer, record, timestamp, words);
    int rc = keeps ? make_places(producer) : 0;
    if (rc == 0 && *refused == KAFKA_NONE)
        rc = put(producer, record, timestamp, &place);
    if (rc != 0)
        return rc;
    producer->count++;
    if (keeps && *refused != KAFKA_NONE)
        producer->refusals[producer->refusal_count++] = (struct refusal){*refused, *words};
    if (keeps)
        producer->places[producer->place_count++] = place;
    return 0;
}

const struct topic *record_producer_topic(const struct record_producer *producer)
{
    return producer->settings.topic;
}

size_t record_producer_count(const struct record_producer *producer)
{
    return producer->count;
}

size_t record_producer_bytes(const struct record_producer *producer)
{
    return producer->bytes;
}

size_t record_producer_held(const struct record_producer *producer)
{
    size_t held = sizeof *producer + producer->place_capacity * sizeof *producer->places + producer->arena.total;
    for (uint32_t i = 0; i < producer->batch_count; i++)
        held += sizeof(struct forming) + sizeof(struct append_part) + producer->batches[i]->bytes.capacity;
    return held;
}

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

static bool was_written_before(const struct record_producer *producer, const struct forming *batch,
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
        struct forming *batch = producer->batches[i];
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
    struct forming *batch = producer->batches[i];
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
    const struct forming *batch = producer->batches[i];
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
    const struct place *place = &producer->places[i];
    if (place->batch != REFUSED)
        return result_of(producer, place->batch, place->index, place->timestamp);
    const struct refusal *refusal = &producer->refusals[place->index];
    return (struct produced){refusal->error, refusal->words, -1, -1, place->timestamp};
}

bool record_producer_batch(const struct record_producer *producer, size_t i, struct produced *first, int32_t *records)
{
    if (i >= producer->batch_count)
        return false;
    *first = result_of(producer, (uint32_t)i, 0, producer->batches[i]->builder.base_timestamp);
    *records = producer->batches[i]->builder.count;
    return true;
}
