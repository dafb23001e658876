/* A transaction index that cannot be read is made again: the producers as a snapshot knows them, then batch by batch up
 * to the segment's end. Damaged stretches are stepped over. */
#include "log_private.h"

#include "transaction_marker.h"

struct remake {
    struct disk *disk;
    struct memory *memory;
    const char *folder;
    struct producer_state *producers;
    int64_t from; /* batches before it are in the snapshot */
    int64_t base; /* of the segment */
    int64_t until;
    bool all;
    writer *entries;
    struct error *error;
};

/* The newest that can be read and is not of the segment's inside. */
static int load_snapshot(struct remake *r, const struct log_folder *found)
{
    r->from = -1;
    for (uint32_t i = found->count; i-- > 0 && r->from < 0;) {
        char path[DISK_PATH_MAX];
        uint8_t *bytes;
        size_t size;
        if (!found->segments[i].parts[SEGMENT_SNAPSHOT] || found->segments[i].base_offset > r->base)
            continue;
        segment_path(r->folder, found->segments[i].base_offset, SEGMENT_SNAPSHOT, path);
        int rc = disk_read_file(r->disk, path, PRODUCER_SNAPSHOT_MAX_SIZE, MEMORY_PRODUCERS, &bytes, &size, r->error);
        if (rc == FURROW_TOO_LARGE)
            continue;
        if (rc != 0)
            return rc;
        rc = producer_state_parse(r->producers, slice_of(bytes, size), 0, INT64_MAX, r->error);
        memory_free(r->memory, MEMORY_PRODUCERS, bytes, size);
        if (rc == -ENOMEM)
            return rc;
        if (rc == 0)
            r->from = found->segments[i].base_offset;
    }
    return 0;
}

static void note_lone_marker(const struct batch_header *header, slice batch, struct aborted_transaction *aborted)
{
    struct transaction_marker marker;
    int64_t offset = batch_last_offset(header);
    if (!slice_is_null(batch) && transaction_marker_parse(batch, header, &marker) == 0 && !marker.commit)
        *aborted = (struct aborted_transaction){header->producer_id, offset, offset, offset + 1};
}

static int note_batch(struct remake *r, struct segment_scan *scan, const struct segment_batch *batch)
{
    const struct batch_header *header = &batch->header;
    struct aborted_transaction aborted;
    uint8_t *bytes = NULL;
    int rc = 0;
    if (header->base_offset < r->from || !batch_has_producer(header))
        return 0;
    if (batch_is_control(header) && (rc = segment_scan_load(scan, batch, &bytes, r->error)) != 0)
        return rc;
    rc = log_note_producer(r->producers, header, slice_of(bytes, batch_size(header)), header->max_timestamp, &aborted);
    if (rc == 0 && r->all && aborted.producer_id < 0)
        note_lone_marker(header, slice_of(bytes, batch_size(header)), &aborted);
    memory_free(r->memory, MEMORY_LOGS, bytes, batch_size(header));
    if (rc != 0 || aborted.producer_id < 0 || aborted.last_offset < r->base)
        return rc;
    uint8_t entry[TRANSACTION_INDEX_ENTRY_SIZE];
    transaction_index_encode(&aborted, entry);
    write_bytes(r->entries, slice_of(entry, sizeof entry));
    return writer_ok(r->entries) ? 0 : error_set_status(r->error, -ENOMEM, "transaction index");
}

static int walk_batches(struct remake *r, struct segment_scan *scan)
{
    struct segment_batch batch;
    for (;;) {
        int rc = segment_scan_next(scan, &batch, r->error);
        if (rc == FURROW_CORRUPT && segment_scan_find(scan, scan->end, scan->end_offset))
            continue;
        if (rc != 1)
            return rc == FURROW_CORRUPT ? 0 : rc;
        if (batch.header.base_offset >= r->until)
            return 0;
        rc = note_batch(r, scan, &batch);
        if (rc != 0)
            return rc;
    }
}

static int walk_segment(struct remake *r, int64_t base_offset, int64_t end_offset)
{
    struct log_handle handle = {0};
    struct segment_scan scan;
    uint64_t size = 0;
    int rc = log_handle_open(&handle, r->disk, r->folder, base_offset, SEGMENT_LOG, FILE_READ, r->error);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc; /* taken out by a repair, or replaced by a compaction */
    rc = file_size(handle.file, &size, r->error);
    if (rc == 0)
        rc = segment_scan_open(&scan, r->memory, handle.file,
                               size < SEGMENT_MAX_BYTES ? (uint32_t)size : SEGMENT_MAX_BYTES, SEGMENT_SCAN_HEADERS,
                               r->error);
    if (rc == 0) {
        segment_scan_seek(&scan, 0, base_offset, end_offset);
        rc = walk_batches(r, &scan);
        segment_scan_close(&scan);
    }
    file_close(handle.file);
    return rc;
}

static int64_t next_base(const struct log_folder *found, uint32_t i)
{
    for (uint32_t next = i + 1; next < found->count; next++) {
        if (found->segments[next].parts[SEGMENT_LOG])
            return found->segments[next].base_offset;
    }
    return INT64_MAX;
}

int log_remake_aborted(struct disk *disk, struct memory *memory, const char *folder, const struct log_folder *found,
                       int64_t base_offset, int64_t until, bool all, writer *entries, struct error *error)
{
    struct remake r = {.disk = disk,
                       .memory = memory,
                       .folder = folder,
                       .base = base_offset,
                       .until = until,
                       .all = all,
                       .entries = entries,
                       .error = error};
    int rc = producer_state_create(memory, LOG_MAX_PRODUCERS, &r.producers);
    if (rc != 0)
        return error_set_status(error, rc, "transaction index");
    rc = load_snapshot(&r, found);
    for (uint32_t i = 0; i < found->count && rc == 0 && found->segments[i].base_offset <= base_offset; i++) {
        int64_t end_offset = next_base(found, i);
        if (found->segments[i].parts[SEGMENT_LOG] && end_offset > r.from)
            rc = walk_segment(&r, found->segments[i].base_offset, end_offset);
    }
    producer_state_close(r.producers);
    return rc;
}
