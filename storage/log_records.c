#include "log_records.h"

#include "batch_iterator.h"

#include <errno.h>
#include <inttypes.h>

#define READ_BYTES    ((uint32_t)1 << 20)
#define RECORDS_LIMIT ((size_t)64 << 20) /* of one batch */

struct walk {
    struct log *log;
    struct memory *memory;
    log_batch_callback *callback;
    void *context;
    int64_t offset; /* of what comes next */
};

static int walk_batches(struct walk *walk, slice bytes, struct error *error)
{
    struct batch_header header;
    slice batch;
    int rc;
    while ((rc = batch_next(&bytes, &header, &batch, error)) == 1) {
        rc = walk->callback(walk->context, &header, batch, error);
        if (rc != 0)
            return rc;
        walk->offset = batch_last_offset(&header) + 1;
    }
    return rc;
}

static int walk_range(struct walk *walk, const struct log_read *read, struct error *error)
{
    uint8_t *bytes = memory_alloc(walk->memory, MEMORY_LOGS, read->bytes);
    if (bytes == NULL)
        return error_set_status(error, -ENOMEM, "records");
    size_t got = 0;
    int rc = file_read(read->file, bytes, read->bytes, read->position, &got, error);
    if (rc == 0)
        rc = walk_batches(walk, slice_of(bytes, got), error);
    memory_free(walk->memory, MEMORY_LOGS, bytes, read->bytes);
    return rc;
}

static int walk_next(struct walk *walk, struct error *error)
{
    struct log_read read = {
        .offset = walk->offset, .end_offset = log_end_offset(walk->log), .max_bytes = READ_BYTES, .whole_batch = true};
    if (log_read_begin(walk->log, &read) == 0) {
        log_read_execute(&read);
        log_read_end(walk->log, &read);
    }
    if (read.status != 0)
        return error_set_status(error, read.status, "offset %" PRId64, walk->offset);
    int64_t before = walk->offset;
    int rc = walk_range(walk, &read, error);
    log_read_release(walk->log, &read);
    if (rc == 0 && walk->offset == before)
        rc = error_set(error, FURROW_CORRUPT, "nothing can be read at offset %" PRId64, before);
    return rc;
}

int log_for_each_batch(struct log *log, struct memory *memory, log_batch_callback *callback, void *context,
                       struct error *error)
{
    struct walk walk = {
        .log = log, .memory = memory, .callback = callback, .context = context, .offset = log_start_offset(log)};
    int rc = 0;
    while (rc == 0 && walk.offset < log_end_offset(log))
        rc = walk_next(&walk, error);
    return rc;
}

/* ---- records ---- */

int log_walk_records(const struct batch_header *header, slice batch, struct memory *memory,
                     log_record_callback *callback, void *context, struct error *error)
{
    struct batch_iterator it;
    struct record record;
    if (batch_is_control(header))
        return 0;
    int rc = batch_iterator_open(&it, batch, memory, RECORDS_LIMIT, error);
    if (rc != 0)
        return rc;
    while ((rc = batch_iterator_next(&it, &record, error)) == 1) {
        rc = callback(context, &record, error);
        if (rc != 0)
            break;
    }
    batch_iterator_close(&it);
    return rc;
}

struct records_walk {
    struct memory *memory;
    log_record_callback *callback;
    void *context;
};

static int walk_records(void *context, const struct batch_header *header, slice batch, struct error *error)
{
    const struct records_walk *walk = context;
    return log_walk_records(header, batch, walk->memory, walk->callback, walk->context, error);
}

int log_for_each_record(struct log *log, struct memory *memory, log_record_callback *callback, void *context,
                        struct error *error)
{
    struct records_walk walk = {.memory = memory, .callback = callback, .context = context};
    return log_for_each_batch(log, memory, walk_records, &walk, error);
}
