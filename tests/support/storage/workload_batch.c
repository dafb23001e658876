#include "workload_batch.h"

#include "batch_builder.h"
#include "batch_iterator.h"
#include "transaction_marker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_VALUE 4000

/* ---- what the model knows of a batch ---- */

static uint64_t hash_bytes(slice bytes)
{
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ bytes.data[i]) * 1099511628211U;
    return hash | 1; /* never 0 */
}

static uint64_t key_of(const struct record *record, const struct compaction_config *config)
{
    switch (config->key) {
    case COMPACTION_RECORD_KEY:
        return slice_is_null(record->key) ? 0 : hash_bytes(record->key);
    case COMPACTION_PREFIX:
        return slice_is_null(record->key) || record->key.size < config->prefix
                   ? 0
                   : hash_bytes(slice_of(record->key.data, config->prefix));
    case COMPACTION_HEADER:
        break;
    }
    uint64_t found = 0;
    struct record_header header;
    reader headers = reader_of(record->headers);
    while (record_next_header(&headers, &header)) {
        if (slice_equal(header.key, slice_of_text(WORKLOAD_HEADER)))
            found = slice_is_null(header.value) ? 0 : hash_bytes(header.value);
    }
    return found;
}

static void note_records(struct memory *memory, struct workload_append *made, const struct compaction_config *config)
{
    struct batch_iterator it;
    struct record record;
    size_t i = 0;
    made->batch.records = calloc((size_t)made->append.header.count, sizeof *made->batch.records);
    slice bytes = slice_of(made->append.batch, made->append.size);
    if (made->batch.records == NULL || batch_iterator_open(&it, bytes, memory, SIZE_MAX, NULL) != 0)
        abort();
    while (batch_iterator_next(&it, &record, NULL) == 1) {
        uint64_t key = made->batch.is_marker ? 0 : key_of(&record, config);
        made->batch.records[i] = (struct model_record){.key = key,
                                                       .hash = model_record_hash(&record),
                                                       .timestamp = record.timestamp,
                                                       .horizon = INT64_MAX,
                                                       .place = (uint32_t)i,
                                                       .is_tombstone = key != 0 && slice_is_null(record.value)};
        i++;
    }
    batch_iterator_close(&it);
}

static struct workload_append *wrap(struct memory *memory, writer *w)
{
    struct workload_append *made = memory_alloc_zeroed(memory, MEMORY_REQUESTS, sizeof *made);
    if (made == NULL || (made->append.batch = memory_alloc(memory, MEMORY_REQUESTS, w->size)) == NULL)
        goto err;
    made->append.size = w->size;
    memcpy(made->append.batch, w->data, w->size);
    if (batch_parse_header(writer_slice(w), &made->append.header, NULL) != 0)
        goto err;
    writer_close(w);
    return made;

err:
    if (made != NULL)
        workload_append_free(memory, made);
    writer_close(w);
    return NULL;
}

void workload_append_free(struct memory *memory, struct workload_append *append)
{
    free(append->batch.records);
    memory_free(memory, MEMORY_REQUESTS, append->append.batch, append->append.size);
    memory_free(memory, MEMORY_REQUESTS, append, sizeof *append);
}

/* ---- making one ---- */

static slice fill(uint8_t *to, uint32_t size, uint64_t content)
{
    struct seeded_random random = {content};
    for (uint32_t i = 0; i < size; i++)
        to[i] = (uint8_t)random_below(&random, 8); /* compresses well */
    for (uint32_t i = 0; i < 8 && i < size; i++)
        to[i] = (uint8_t)(content >> 8 * i);
    return slice_of(to, size);
}

static void add_record(struct batch_builder *b, struct seeded_random *random,
                       const struct workload_batch_options *options, int64_t timestamp)
{
    static uint8_t value[LONGEST_VALUE];
    char key[32], name[32];
    uint64_t number = random_below(random, options->keys);
    snprintf(key, sizeof key, "%02u-%u", (unsigned)(number * 7 % options->keys), (unsigned)number);
    snprintf(name, sizeof name, "%u", (unsigned)random_below(random, options->keys));
    struct record_header headers[] = {{slice_of_text("other"), slice_of_text("x")},
                                      {slice_of_text(WORKLOAD_HEADER), slice_of_text(name)}};
    uint32_t size = 1 + (uint32_t)random_below(random, random_chance(random, 10) ? LONGEST_VALUE : options->longest);
    slice is = random_chance(random, 10) ? NULL_SLICE : fill(value, size, random_next(random));
    slice has = random_chance(random, 3) ? NULL_SLICE : slice_of_text(key);
    size_t header_count = options->compaction.key == COMPACTION_HEADER ? (size_t)random_below(random, 3) : 0;
    batch_builder_add_with_headers(b, timestamp, has, is, headers, header_count);
}

static void take_producer(struct batch_options *to, struct seeded_random *random, struct workload_producer *producers,
                          bool transactions, int32_t records)
{
    uint64_t id = random_below(random, transactions ? WORKLOAD_PRODUCERS : WORKLOAD_TRANSACTIONAL);
    struct workload_producer *producer = &producers[id];
    if (id >= WORKLOAD_TRANSACTIONAL) {
        to->attributes = BATCH_TRANSACTIONAL;
        producer->in_transaction = true;
    } else if (random_chance(random, 3)) {
        producer->epoch++;
        producer->sequence = 0;
    }
    to->producer_id = (int64_t)id + 1000;
    to->producer_epoch = producer->epoch;
    to->base_sequence = producer->sequence;
    producer->sequence += records;
}

/* Ends a transaction that is open, or one that has no batch. In half of them the producer's epoch is raised with it, as
 * in the newer protocol of transactions. */
static struct workload_append *make_marker(struct memory *memory, struct seeded_random *random,
                                           const struct workload_batch_options *options)
{
    uint64_t id = WORKLOAD_TRANSACTIONAL + random_below(random, WORKLOAD_PRODUCERS - WORKLOAD_TRANSACTIONAL);
    struct workload_producer *producer = &options->producers[id];
    if (!producer->in_transaction && !random_chance(random, 5))
        return NULL;
    if (random_chance(random, 50)) {
        producer->epoch++;
        producer->sequence = 0;
    }
    struct transaction_marker marker = {.producer_id = (int64_t)id + 1000,
                                        .producer_epoch = producer->epoch,
                                        .coordinator_epoch = (int32_t)++ * options->content, /* no two are the same */
                                        .commit = random_chance(random, 50),
                                        .timestamp = options->now};
    writer w;
    writer_init(&w, memory, MEMORY_REQUESTS, SIZE_MAX);
    transaction_marker_write(&marker, &w);
    producer->in_transaction = false;
    struct workload_append *made = wrap(memory, &w);
    if (made == NULL)
        return NULL;
    made->batch.is_marker = true;
    made->batch.commits = marker.commit;
    note_records(memory, made, &options->compaction);
    return made;
}

struct workload_append *workload_append_make(struct memory *memory, struct seeded_random *random,
                                             const struct workload_batch_options *options)
{
    static const enum codec codecs[] = {CODEC_NONE, CODEC_NONE,   CODEC_NONE, CODEC_NONE,
                                        CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4,  CODEC_ZSTD};
    struct workload_append *marker =
        options->transactions && random_chance(random, 20) ? make_marker(memory, random, options) : NULL;
    if (marker != NULL)
        return marker;
    struct batch_options batch = BATCH_OPTIONS_PLAIN;
    int32_t records = 1 + (int32_t)random_below(random, 5);
    int64_t timestamp = options->now - (int64_t)random_below(random, 50);
    batch.codec = codecs[random_below(random, sizeof codecs / sizeof codecs[0])];
    batch.level = codec_default_level(batch.codec);
    if (random_chance(random, 50))
        take_producer(&batch, random, options->producers, options->transactions, records);
    struct batch_builder builder;
    writer w;
    writer_init(&w, memory, MEMORY_REQUESTS, SIZE_MAX);
    batch_builder_open(&builder, &w, &batch);
    struct seeded_random content = {++*options->content * 1000003 + random->state};
    for (int32_t i = 0; i < records; i++)
        add_record(&builder, &content, options, timestamp + i);
    if (batch_builder_close(&builder, NULL) != 0) {
        writer_close(&w);
        return NULL;
    }
    struct workload_append *made = wrap(memory, &w);
    if (made != NULL)
        note_records(memory, made, &options->compaction);
    return made;
}

struct workload_append *workload_append_again(struct memory *memory, const struct batch_header *last, uint64_t content)
{
    struct batch_options batch = BATCH_OPTIONS_PLAIN;
    batch.producer_id = last->producer_id;
    batch.producer_epoch = last->producer_epoch;
    batch.base_sequence = last->base_sequence;
    struct batch_builder builder;
    uint8_t value[16];
    writer w;
    writer_init(&w, memory, MEMORY_REQUESTS, SIZE_MAX);
    batch_builder_open(&builder, &w, &batch);
    for (int32_t i = 0; i <= last->last_offset_delta; i++)
        batch_builder_add(&builder, last->max_timestamp, NULL_SLICE, fill(value, sizeof value, content));
    if (batch_builder_close(&builder, NULL) != 0) {
        writer_close(&w);
        return NULL;
    }
    return wrap(memory, &w);
}
