/* Each partition has one open batch; a record that would make it too large for the topic closes it and opens the next
 * one. */
#include "rest/partitioner.h"
#include "rest/record_producer_private.h"
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

static void free_batch(struct memory *memory, struct forming_batch *batch)
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
    struct forming_batch *batch =
        rc == 0 ? memory_alloc_zeroed(producer->memory, MEMORY_REQUESTS, sizeof *batch) : NULL;
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
static struct forming_batch *batch_for(struct record_producer *producer, int32_t partition, size_t payload)
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
               struct record_place *place)
{
    int32_t partition = choose(producer, record);
    size_t payload = payload_of(record);
    struct forming_batch *batch = batch_for(producer, partition, payload);
    if (batch == NULL)
        return -ENOMEM;
    *place = (struct record_place){producer->open[partition] - 1, batch->builder.count, timestamp};
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
    int rc =
        grow(producer->memory, &places, producer->place_count, &producer->place_capacity, sizeof(struct record_place));
    producer->places = places;
    if (rc == 0)
        rc = grow(producer->memory, &refusals, producer->refusal_count, &producer->refusal_capacity,
                  sizeof(struct record_refusal));
    producer->refusals = refusals;
    return rc;
}

int record_producer_add(struct record_producer *producer, const struct parsed_record *record, enum kafka_error *refused,
                        slice *words)
{
    int64_t timestamp = record->has_timestamp ? record->timestamp : producer->now;
    struct record_place place = {PLACE_REFUSED, (int32_t)producer->refusal_count, timestamp};
    *words = NULL_SLICE;
    *refused = judge(producer, record, timestamp, words);
    int rc = make_places(producer);
    if (rc == 0 && *refused == KAFKA_NONE)
        rc = put(producer, record, timestamp, &place);
    if (rc != 0)
        return rc;
    producer->count++;
    if (*refused != KAFKA_NONE)
        producer->refusals[producer->refusal_count++] = (struct record_refusal){*refused, *words};
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
        held += sizeof(struct forming_batch) + sizeof(struct append_part) + producer->batches[i]->bytes.capacity;
    return held;
}
