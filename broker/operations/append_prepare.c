#include "operations/append_prepare.h"

#include "batch_builder.h"
#include "batch_iterator.h"

/* What opening a batch may yield: more than an honest ratio, and bounded. Each thread of the pool may hold as much at
 * once, and its output. */
#define UNCOMPRESSED_RATIO 64
#define UNCOMPRESSED_MIN   ((size_t)4 << 20)
#define UNCOMPRESSED_MAX   ((size_t)64 << 20)
#define MEMORY_SHARE       16 /* of the memory limit */

static void note_bad(struct append_inspection *inspection, const struct record *record, int32_t index, bool has_no_key)
{
    if (inspection->bad_count == APPEND_BAD_RECORDS_MAX)
        return;
    inspection->bad[inspection->bad_count++] = (struct append_bad_record){index, has_no_key, record->timestamp};
}

static void inspect_record(struct append_inspection *inspection, const struct record *record, int32_t index)
{
    if (record->timestamp > inspection->max_timestamp)
        inspection->max_timestamp = record->timestamp;
    if (inspection->keys_required && slice_is_null(record->key))
        note_bad(inspection, record, index, true);
    else if (record->timestamp != BATCH_NO_TIMESTAMP &&
             (record->timestamp < inspection->oldest || record->timestamp > inspection->newest))
        note_bad(inspection, record, index, false);
}

/* `builder` may be NULL. */
static int walk(struct batch_iterator *it, struct append_inspection *inspection, struct batch_builder *builder,
                struct error *error)
{
    struct record record;
    int rc;
    for (int32_t index = 0; (rc = batch_iterator_next(it, &record, error)) == 1; index++) {
        if (record.offset != it->header.base_offset + index)
            return error_set(error, FURROW_MALFORMED, "record %d: its offset delta does not follow the one before",
                             (int)index);
        inspect_record(inspection, &record, index);
        if (builder != NULL)
            batch_builder_add_record(builder, &record);
    }
    return rc;
}

int append_inspect(slice batch, struct append_inspection *inspection, struct error *error)
{
    struct batch_iterator it;
    int rc = batch_iterator_open(&it, batch, NULL, batch.size, error);
    if (rc != 0)
        return rc;
    rc = walk(&it, inspection, NULL, error);
    batch_iterator_close(&it);
    return rc;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t uncompressed_limit(size_t size, size_t memory_limit)
{
    size_t most = smaller(UNCOMPRESSED_MAX, memory_limit / MEMORY_SHARE);
    if (size >= most / 2)
        return 2 * size; /* what does not compress may grow */
    size_t limit = size < most / UNCOMPRESSED_RATIO ? size * UNCOMPRESSED_RATIO : most;
    size_t least = smaller(UNCOMPRESSED_MIN, most);
    return limit > least ? limit : least;
}

struct append_preparation *append_preparation_create(struct memory *memory, size_t memory_limit, slice batch,
                                                     const struct topic_config *config, bool recompress,
                                                     const struct append_inspection *inspection)
{
    struct append_preparation *preparation = memory_alloc_zeroed(memory, MEMORY_REQUESTS, sizeof *preparation);
    if (preparation == NULL)
        return NULL;
    preparation->memory = memory;
    preparation->batch = batch;
    preparation->max_uncompressed = uncompressed_limit(batch.size, memory_limit);
    preparation->recompress = recompress;
    preparation->codec = config->codec;
    preparation->level = config->compression_level;
    preparation->inspection = *inspection;
    writer_init(&preparation->output, memory, MEMORY_COMPRESSION, preparation->max_uncompressed + BATCH_HEADER_SIZE);
    return preparation;
}

static int rebuild(struct append_preparation *preparation, struct batch_iterator *it)
{
    const struct batch_header *header = &it->header;
    struct batch_options options = {
        .codec = preparation->codec,
        .level = preparation->level,
        .attributes = (int16_t)(header->attributes & ~BATCH_CODEC_MASK),
        .base_offset = header->base_offset,
        .leader_epoch = BATCH_NO_LEADER_EPOCH,
        .producer_id = header->producer_id,
        .producer_epoch = header->producer_epoch,
        .base_sequence = header->base_sequence,
    };
    struct batch_builder builder;
    batch_builder_open(&builder, &preparation->output, &options);
    int rc = walk(it, &preparation->inspection, &builder, &preparation->error);
    int close_rc = batch_builder_close(&builder, rc == 0 ? &preparation->error : NULL);
    return rc != 0 ? rc : close_rc;
}

void append_preparation_execute(struct append_preparation *preparation)
{
    struct batch_iterator it;
    int rc = batch_iterator_open(&it, preparation->batch, preparation->memory, preparation->max_uncompressed,
                                 &preparation->error);
    if (rc == 0) {
        rc = preparation->recompress ? rebuild(preparation, &it)
                                     : walk(&it, &preparation->inspection, NULL, &preparation->error);
        batch_iterator_close(&it);
    }
    preparation->status = rc;
}

void append_preparation_destroy(struct append_preparation *preparation)
{
    writer_close(&preparation->output);
    memory_free(preparation->memory, MEMORY_REQUESTS, preparation, sizeof *preparation);
}
