/* Finding by time, as Kafka does: the first segment whose largest timestamp reaches the one asked; in it, from the time
 * index's last entry at or before it through the offset index to a position; from there the headers of batches, then
 * the records of one batch.
 *
 * begin takes along the segments that may hold the answer. What the job learns about largest timestamps stays with the
 * segments, so that the next search asks fewer files. */
#include "log_private.h"

#include "batch_iterator.h"

#define MAX_UNCOMPRESSED ((size_t)1 << 30) /* of the one batch that is opened; it is walked in a window */

struct find_segment {
    int64_t base_offset;
    int64_t end_offset;
    int64_t largest_timestamp; /* or SEGMENT_TIMESTAMP_UNKNOWN */
    bool is_part;              /* largest_timestamp is not that of the whole segment */
    bool unsettled;            /* log_swap.h */
    bool is_missing;           /* its files are not there */
    uint32_t size;
};

struct log_find {
    struct disk *disk;
    struct memory *memory;
    const char *folder;
    int64_t timestamp;
    int64_t start_offset; /* [start, end): where the answer may be */
    int64_t end_offset;
    struct find_segment *segments;
    uint32_t count;
    uint32_t capacity;
    uint32_t swaps; /* the log's, when it began */
    bool executed;
    int64_t missing_base; /* of a segment whose files were not there; -1: none */
    int status;
    int64_t found_offset;
    int64_t found_timestamp;
    int32_t found_epoch;
    struct error error;
};

/* ---- begin ---- */

static bool may_hold(const struct log_find *find, int64_t largest)
{
    return largest == SEGMENT_TIMESTAMP_UNKNOWN || find->timestamp == LOG_FIND_MAX_TIMESTAMP ||
           largest >= find->timestamp;
}

static void choose_segments(struct log *log, struct log_find *find)
{
    for (uint32_t i = log_find_segment(log, log->start); i < log->segment_count; i++) {
        const struct segment *segment = &log->segments[i];
        bool is_last = i + 1 == log->segment_count;
        int64_t largest = is_last ? log->head.largest.timestamp : segment->largest_timestamp;
        if (segment->size == 0 || segment->base_offset >= find->end_offset || !may_hold(find, largest))
            continue;
        struct find_segment *chosen = &find->segments[find->count++];
        *chosen = (struct find_segment){.base_offset = segment->base_offset,
                                        .end_offset = log_segment_end_offset(log, i),
                                        .largest_timestamp = largest,
                                        .unsettled = segment->unsettled,
                                        .size = segment->size};
        bool is_whole = segment->base_offset >= log->start; /* else its largest may lie before the start */
        if (is_whole && largest != SEGMENT_TIMESTAMP_UNKNOWN && find->timestamp != LOG_FIND_MAX_TIMESTAMP)
            return;
    }
}

int log_find_begin(struct log *log, int64_t timestamp, int64_t end_offset, struct log_find **find, struct error *error)
{
    struct memory *memory = log->environment.memory;
    struct log_find *made = memory_alloc_zeroed(memory, MEMORY_LOGS, sizeof *made);
    if (made == NULL)
        return error_set_status(error, -ENOMEM, "%s: find", log->folder);
    made->capacity = log->segment_count;
    made->segments = memory_alloc(memory, MEMORY_LOGS, made->capacity * sizeof *made->segments);
    if (made->segments == NULL) {
        memory_free(memory, MEMORY_LOGS, made, sizeof *made);
        return error_set_status(error, -ENOMEM, "%s: find", log->folder);
    }
    made->disk = log->environment.disk;
    made->memory = memory;
    made->folder = log->folder;
    made->timestamp = timestamp;
    made->swaps = log->swaps;
    made->start_offset = log->start;
    made->end_offset = end_offset;
    made->missing_base = -1;
    made->found_offset = -1;
    made->found_timestamp = -1;
    made->found_epoch = BATCH_NO_LEADER_EPOCH;
    choose_segments(log, made);
    *find = made;
    return 0;
}

/* ---- the job ---- */

static int open_part(struct log_find *find, const struct find_segment *segment, enum segment_part part,
                     struct log_handle *handle)
{
    *handle = (struct log_handle){.unsettled = segment->unsettled};
    return log_handle_open(handle, find->disk, find->folder, segment->base_offset, part, FILE_READ, &find->error);
}

/* The last entry of the time index. Without it the segment has to be walked: largest stays unknown. */
static int load_largest(struct log_find *find, struct find_segment *segment)
{
    struct log_handle handle;
    struct time_index times;
    int rc = open_part(find, segment, SEGMENT_TIME_INDEX, &handle);
    if (rc == 0) {
        rc = time_index_load(&times, handle.file, segment->base_offset, &find->error);
        file_close(handle.file);
    }
    if (rc == FURROW_CORRUPT || rc == -ENOENT)
        return 0;
    if (rc != 0)
        return rc;
    segment->largest_timestamp = times.last.timestamp;
    return 0;
}

/* Where a batch with such a timestamp is at the earliest. A broken index costs time, not the answer. */
static uint32_t start_position(struct log_find *find, const struct find_segment *segment, int64_t timestamp)
{
    struct log_handle handle;
    struct time_index times;
    struct time_offset before;
    if (open_part(find, segment, SEGMENT_TIME_INDEX, &handle) != 0)
        return 0;
    int rc = time_index_load(&times, handle.file, segment->base_offset, &find->error);
    if (rc == 0)
        rc = time_index_find(&times, handle.file, timestamp, &before, &find->error);
    file_close(handle.file);
    if (rc != 0 || open_part(find, segment, SEGMENT_OFFSET_INDEX, &handle) != 0)
        return 0;
    struct offset_index index;
    struct offset_position at = {0, 0};
    int64_t from = before.offset > find->start_offset ? before.offset : find->start_offset;
    rc = offset_index_load(&index, handle.file, segment->base_offset, &find->error);
    if (rc == 0)
        rc = offset_index_find(&index, handle.file, from, &at, &find->error);
    file_close(handle.file);
    return rc == 0 && at.position < segment->size ? at.position : 0;
}

/* 1: found in this batch. */
static int search_records(struct log_find *find, slice bytes, const struct batch_header *header, int64_t timestamp)
{
    struct batch_iterator it;
    if (!batch_crc_matches(bytes, header))
        return error_set(&find->error, FURROW_CORRUPT, "offset %" PRId64 ": the CRC is wrong", header->base_offset);
    int rc = batch_iterator_open(&it, bytes, find->memory, MAX_UNCOMPRESSED, &find->error);
    if (rc != 0)
        return rc;
    struct record record;
    while ((rc = batch_iterator_next(&it, &record, &find->error)) == 1) {
        if (record.timestamp < timestamp || record.offset < find->start_offset || record.offset >= find->end_offset)
            continue;
        find->found_offset = record.offset;
        find->found_timestamp = record.timestamp;
        find->found_epoch = header->leader_epoch;
        break;
    }
    batch_iterator_close(&it);
    return rc;
}

static int search_batches(struct log_find *find, struct segment_scan *scan, int64_t timestamp)
{
    struct segment_batch batch;
    int rc;
    while ((rc = segment_scan_next(scan, &batch, &find->error)) == 1) {
        const struct batch_header *header = &batch.header;
        if (header->base_offset >= find->end_offset)
            return 0;
        if (header->max_timestamp < timestamp || batch_last_offset(header) < find->start_offset)
            continue;
        uint8_t *bytes;
        rc = segment_scan_load(scan, &batch, &bytes, &find->error);
        if (rc != 0)
            return rc;
        rc = search_records(find, slice_of(bytes, batch_size(header)), header, timestamp);
        memory_free(find->memory, MEMORY_LOGS, bytes, batch_size(header));
        if (rc != 0)
            return rc;
    }
    return rc;
}

/* 1: found. */
static int search_segment(struct log_find *find, const struct find_segment *segment, int64_t timestamp)
{
    struct log_handle handle;
    struct segment_scan scan;
    uint32_t position = start_position(find, segment, timestamp);
    int rc = open_part(find, segment, SEGMENT_LOG, &handle);
    if (rc != 0)
        return rc;
    rc = segment_scan_open(&scan, find->memory, handle.file, segment->size, SEGMENT_SCAN_HEADERS, &find->error);
    if (rc == 0) {
        segment_scan_seek(&scan, position, segment->base_offset, segment->end_offset);
        rc = search_batches(find, &scan, timestamp);
        segment_scan_close(&scan);
    }
    file_close(handle.file);
    return rc;
}

static int find_timestamp(struct log_find *find)
{
    for (uint32_t i = 0; i < find->count; i++) {
        struct find_segment *segment = &find->segments[i];
        int rc = segment->largest_timestamp == SEGMENT_TIMESTAMP_UNKNOWN ? load_largest(find, segment) : 0;
        if (rc == 0 && may_hold(find, segment->largest_timestamp))
            rc = search_segment(find, segment, find->timestamp);
        if (rc == -ENOENT)
            find->missing_base = segment->base_offset;
        else if (rc != 0)
            return rc;
    }
    return 0;
}

/* The largest timestamp by the headers, of batches in [start, end). */
static int walk_for_largest(struct log_find *find, struct find_segment *segment)
{
    struct log_handle handle;
    struct segment_scan scan;
    int rc = open_part(find, segment, SEGMENT_LOG, &handle);
    if (rc != 0)
        return rc;
    rc = segment_scan_open(&scan, find->memory, handle.file, segment->size, SEGMENT_SCAN_HEADERS, &find->error);
    if (rc == 0) {
        struct segment_batch batch;
        segment->largest_timestamp = -1;
        segment->is_part = true;
        segment_scan_seek(&scan, 0, segment->base_offset, segment->end_offset);
        while ((rc = segment_scan_next(&scan, &batch, &find->error)) == 1) {
            if (batch.header.count > 0 && batch_last_offset(&batch.header) >= find->start_offset &&
                batch.header.base_offset < find->end_offset && batch.header.max_timestamp > segment->largest_timestamp)
                segment->largest_timestamp = batch.header.max_timestamp;
        }
        segment_scan_close(&scan);
    }
    file_close(handle.file);
    return rc;
}

/* Learns the segments' largest timestamps where need be. */
static int load_all_largest(struct log_find *find)
{
    for (uint32_t i = 0; i < find->count; i++) {
        struct find_segment *segment = &find->segments[i];
        int rc = segment->largest_timestamp == SEGMENT_TIMESTAMP_UNKNOWN ? load_largest(find, segment) : 0;
        bool is_cut = segment->base_offset < find->start_offset || segment->end_offset > find->end_offset;
        if (rc == 0 && (is_cut || segment->largest_timestamp == SEGMENT_TIMESTAMP_UNKNOWN))
            rc = walk_for_largest(find, segment);
        segment->is_missing = rc == -ENOENT;
        if (rc != 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

static struct find_segment *choose_largest(struct log_find *find)
{
    struct find_segment *best = NULL;
    for (uint32_t i = 0; i < find->count; i++) {
        struct find_segment *segment = &find->segments[i];
        if (segment->is_missing)
            find->missing_base = segment->base_offset;
        else if (best == NULL || segment->largest_timestamp > best->largest_timestamp)
            best = segment;
    }
    return best;
}

/* KIP-734. Of records with the same timestamp the first, as Kafka's RecordBatch.offsetOfMaxTimestamp. Segments may be
 * trimmed meanwhile. */
static int find_largest(struct log_find *find)
{
    int rc = load_all_largest(find);
    while (rc == 0) {
        struct find_segment *best = choose_largest(find);
        if (best == NULL || best->largest_timestamp < 0)
            return 0;
        rc = search_segment(find, best, best->largest_timestamp);
        if (rc != -ENOENT)
            return rc;
        best->is_missing = true;
        rc = 0;
    }
    return rc;
}

void log_find_execute(struct log_find *find)
{
    find->executed = true;
    int rc = find->timestamp == LOG_FIND_MAX_TIMESTAMP ? find_largest(find) : find_timestamp(find);
    find->status = rc < 0 ? rc : 0;
}

/* ---- end ---- */

static void note_largest(struct log *log, const struct find_segment *found)
{
    struct segment *segment = &log->segments[log_find_segment(log, found->base_offset)];
    if (segment->base_offset == found->base_offset && segment->largest_timestamp == SEGMENT_TIMESTAMP_UNKNOWN &&
        segment->size == found->size && !found->is_part)
        segment->largest_timestamp = found->largest_timestamp;
}

static void drop(struct log_find *find)
{
    memory_free(find->memory, MEMORY_LOGS, find->segments, find->capacity * sizeof *find->segments);
    memory_free(find->memory, MEMORY_LOGS, find, sizeof *find);
}

/* A segment was replaced while it was searched: some of the old and some of the new may have been seen. As log_read_end
 * does, once more. */
static struct log_find *run_again(struct log *log, struct log_find *find)
{
    bool is_old = false;
    for (uint32_t i = 0; i < find->count; i++)
        is_old |= log_is_replaced(log, find->segments[i].base_offset, find->swaps);
    struct log_find *again = NULL;
    if (!is_old || !find->executed || log->abandoned)
        return find;
    find->status = log_find_begin(log, find->timestamp, find->end_offset, &again, &find->error);
    if (again == NULL)
        return find;
    drop(find);
    log_find_execute(again);
    return again;
}

int log_find_end(struct log *log, struct log_find *find, int64_t *offset, int64_t *timestamp, int32_t *leader_epoch,
                 struct error *error)
{
    find = run_again(log, find);
    int rc = find->executed ? find->status : -ECANCELED;
    if (rc == 0 && find->missing_base >= log->segments[0].base_offset)
        rc = -ENOENT; /* not because it was trimmed */
    *offset = rc == 0 ? find->found_offset : -1;
    *timestamp = rc == 0 ? find->found_timestamp : -1;
    *leader_epoch = rc == 0 ? find->found_epoch : BATCH_NO_LEADER_EPOCH;
    if (rc != 0 && error != NULL) {
        *error = find->error;
        error_wrap(error, rc, "%s", log->folder);
    }
    for (uint32_t i = 0; i < find->count; i++)
        note_largest(log, &find->segments[i]);
    drop(find);
    return rc;
}
