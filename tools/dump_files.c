/* The small files beside the segments: indexes, snapshots, checkpoints. */
#include "dump.h"

#include "checkpoint.h"
#include "offset_index.h"
#include "producer_state.h"
#include "reader.h"
#include "time_index.h"
#include "transaction_index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define SMALL_FILE_MAX ((size_t)16 << 20)

static void emit_damage(struct dump *dump, const char *what)
{
    dump->damaged++;
    emit_begin(&dump->emitter, "damage");
    emit_bytes(&dump->emitter, "reason", slice_of_text(what));
    emit_end(&dump->emitter);
}

/* Reads the whole file and hands its bytes on; what `emit` returns is damage. */
static int dump_bytes(struct dump *dump, int (*emit)(struct dump *dump, slice bytes, struct error *why),
                      struct error *error)
{
    uint8_t *bytes;
    size_t size;
    struct error why = {0};
    int rc = disk_read_file(dump->disk, dump->name, SMALL_FILE_MAX, MEMORY_SERVER, &bytes, &size, error);
    if (rc != 0)
        return rc;
    if (emit(dump, slice_of(bytes, size), &why) != 0)
        emit_damage(dump, why.message);
    memory_free(dump->memory, MEMORY_SERVER, bytes, size);
    return 0;
}

/* Indexes are named by their segment's base offset. */
static int64_t base_offset_of(const char *name)
{
    return strtoll(name, NULL, 10);
}

static int emit_offset_index(struct dump *dump, slice bytes, struct error *why)
{
    (void)why;
    int64_t base = base_offset_of(dump->name), last = -1;
    reader r = reader_of(bytes);
    while (reader_left(&r) >= OFFSET_INDEX_ENTRY_SIZE) {
        int64_t offset = base + read_u32(&r);
        uint32_t position = read_u32(&r);
        if (position == 0)
            break; /* the zero tail of a preallocated file */
        emit_begin(&dump->emitter, "index");
        emit_int(&dump->emitter, "offset", offset);
        emit_int(&dump->emitter, "position", position);
        emit_end(&dump->emitter);
        if (offset <= last)
            emit_damage(dump, "the offset does not rise");
        last = offset;
    }
    return 0;
}

int dump_offset_index(struct dump *dump, struct error *error)
{
    return dump_bytes(dump, emit_offset_index, error);
}

static int emit_time_index(struct dump *dump, slice bytes, struct error *why)
{
    (void)why;
    int64_t base = base_offset_of(dump->name), last = -1;
    reader r = reader_of(bytes);
    while (reader_left(&r) >= TIME_INDEX_ENTRY_SIZE) {
        int64_t timestamp = read_i64(&r);
        int64_t offset = base + read_u32(&r);
        if (timestamp == 0 && offset == base && last >= 0)
            break; /* the zero tail of a preallocated file */
        emit_begin(&dump->emitter, "time_index");
        emit_int(&dump->emitter, "timestamp", timestamp);
        emit_int(&dump->emitter, "offset", offset);
        emit_end(&dump->emitter);
        if (timestamp <= last)
            emit_damage(dump, "the timestamp does not rise");
        last = timestamp;
    }
    return 0;
}

int dump_time_index(struct dump *dump, struct error *error)
{
    return dump_bytes(dump, emit_time_index, error);
}

static int emit_transaction_index(struct dump *dump, slice bytes, struct error *why)
{
    int64_t last = -1;
    for (size_t at = 0; bytes.size - at >= TRANSACTION_INDEX_ENTRY_SIZE; at += TRANSACTION_INDEX_ENTRY_SIZE) {
        struct aborted_transaction aborted;
        bool is_one = transaction_index_decode(bytes.data + at, &aborted);
        emit_begin(&dump->emitter, "aborted_transaction");
        emit_int(&dump->emitter, "producer_id", aborted.producer_id);
        emit_int(&dump->emitter, "first_offset", aborted.first_offset);
        emit_int(&dump->emitter, "last_offset", aborted.last_offset);
        emit_int(&dump->emitter, "last_stable_offset", aborted.stable_end);
        emit_end(&dump->emitter);
        if (!is_one || aborted.last_offset <= last)
            emit_damage(dump, is_one ? "the offset does not rise" : "no entry is like it");
        last = aborted.last_offset;
    }
    return bytes.size % TRANSACTION_INDEX_ENTRY_SIZE == 0
               ? 0
               : error_set(why, FURROW_CORRUPT, "%zu bytes are no whole entries", bytes.size);
}

int dump_transaction_index(struct dump *dump, struct error *error)
{
    return dump_bytes(dump, emit_transaction_index, error);
}

static int emit_producer(void *context, const struct producer *producer)
{
    struct dump *dump = context;
    emit_begin(&dump->emitter, "producer");
    emit_int(&dump->emitter, "producer_id", producer->id);
    emit_int(&dump->emitter, "epoch", producer->epoch);
    if (producer->batch_count != 0) {
        const struct producer_batch *last = &producer->batches[producer->batch_count - 1];
        emit_int(&dump->emitter, "last_sequence", last->last_sequence);
        emit_int(&dump->emitter, "last_offset", last->last_offset);
        emit_int(&dump->emitter, "offset_delta", last->offset_delta);
    }
    emit_int(&dump->emitter, "timestamp", producer->timestamp);
    emit_int(&dump->emitter, "coordinator_epoch", producer->coordinator_epoch);
    emit_int(&dump->emitter, "transaction_start", producer->transaction_start);
    emit_end(&dump->emitter);
    return 0;
}

static int emit_snapshot(struct dump *dump, slice bytes, struct error *why)
{
    struct producer_state *state;
    int rc = producer_state_create(dump->memory, UINT32_MAX, &state);
    if (rc != 0)
        return error_set_status(why, rc, "producers");
    rc = producer_state_parse(state, bytes, 0, INT64_MAX, why);
    producer_state_list(state, emit_producer, dump);
    producer_state_close(state);
    return rc;
}

int dump_snapshot(struct dump *dump, struct error *error)
{
    return dump_bytes(dump, emit_snapshot, error);
}

static int emit_offset(void *context, const struct checkpoint_offset *entry)
{
    struct dump *dump = context;
    emit_begin(&dump->emitter, "checkpoint");
    emit_bytes(&dump->emitter, "topic", entry->topic);
    emit_int(&dump->emitter, "partition", entry->partition);
    emit_int(&dump->emitter, "offset", entry->offset);
    emit_end(&dump->emitter);
    return 0;
}

static int emit_epoch(void *context, int32_t epoch, int64_t start_offset)
{
    struct dump *dump = context;
    emit_begin(&dump->emitter, "epoch");
    emit_int(&dump->emitter, "epoch", epoch);
    emit_int(&dump->emitter, "start_offset", start_offset);
    emit_end(&dump->emitter);
    return 0;
}

static int parse_offset_checkpoint(struct dump *dump, slice bytes, struct error *why)
{
    return checkpoint_parse_offsets(bytes, emit_offset, dump, why);
}

int dump_offset_checkpoint(struct dump *dump, struct error *error)
{
    return dump_bytes(dump, parse_offset_checkpoint, error);
}

static int parse_epoch_checkpoint(struct dump *dump, slice bytes, struct error *why)
{
    return checkpoint_parse_epochs(bytes, emit_epoch, dump, why);
}

int dump_epoch_checkpoint(struct dump *dump, struct error *error)
{
    return dump_bytes(dump, parse_epoch_checkpoint, error);
}

static int emit_lines(struct dump *dump, slice bytes, struct error *why)
{
    (void)why;
    for (size_t start = 0; start < bytes.size;) {
        const uint8_t *end = memchr(bytes.data + start, '\n', bytes.size - start);
        size_t length = end != NULL ? (size_t)(end - bytes.data) - start : bytes.size - start;
        emit_begin(&dump->emitter, "line");
        emit_bytes(&dump->emitter, "text", slice_of(bytes.data + start, length));
        emit_end(&dump->emitter);
        start += length + 1;
    }
    return 0;
}

int dump_text(struct dump *dump, struct error *error)
{
    return dump_bytes(dump, emit_lines, error);
}
