/* The largest timestamps of segments that were not looked at since the start: the last entry of the time index, or,
 * where that is of no use, what the headers of all batches say. */
#include "log_private.h"
#include "log_retention.h"

#define SEGMENTS_MAX 64 /* of one job */

struct unknown_segment {
    int64_t base_offset;
    int64_t end_offset;
    int64_t largest; /* the job's answer; SEGMENT_TIMESTAMP_UNKNOWN: there is none */
    uint32_t size;
};

struct log_timestamps {
    struct disk *disk;
    struct memory *memory;
    const char *folder;
    bool executed;
    int status;
    struct error error;
    uint32_t count;
    struct unknown_segment segments[SEGMENTS_MAX];
};

/* ---- begin ---- */

static uint32_t choose(const struct log *log, struct unknown_segment *segments)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i + 1 < log->segment_count && count < SEGMENTS_MAX; i++) {
        const struct segment *segment = &log->segments[i];
        if (segment->largest_timestamp != SEGMENT_TIMESTAMP_UNKNOWN)
            continue;
        if (segments != NULL)
            segments[count] = (struct unknown_segment){.base_offset = segment->base_offset,
                                                       .end_offset = log_segment_end_offset(log, i),
                                                       .largest = SEGMENT_TIMESTAMP_UNKNOWN,
                                                       .size = segment->size};
        count++;
    }
    return count;
}

int log_timestamps_begin(struct log *log, struct log_timestamps **job, struct error *error)
{
    *job = NULL;
    if (log->abandoned || choose(log, NULL) == 0)
        return 0;
    struct log_timestamps *made = memory_alloc_zeroed(log->environment.memory, MEMORY_LOGS, sizeof *made);
    if (made == NULL)
        return error_set_status(error, -ENOMEM, "%s: timestamps", log->folder);
    made->disk = log->environment.disk;
    made->memory = log->environment.memory;
    made->folder = log->folder;
    made->count = choose(log, made->segments);
    *job = made;
    return 0;
}

/* ---- the job ---- */

static int open_part(struct log_timestamps *job, const struct unknown_segment *segment, enum segment_part part,
                     struct log_handle *handle)
{
    *handle = (struct log_handle){0};
    return log_handle_open(handle, job->disk, job->folder, segment->base_offset, part, FILE_READ, &job->error);
}

/* 1: the index knows; 0: it is of no use. */
static int ask_index(struct log_timestamps *job, struct unknown_segment *segment)
{
    struct log_handle handle;
    struct time_index times;
    int rc = open_part(job, segment, SEGMENT_TIME_INDEX, &handle);
    if (rc == 0) {
        rc = time_index_load(&times, handle.file, segment->base_offset, &job->error);
        file_close(handle.file);
    }
    if (rc == FURROW_CORRUPT || rc == -ENOENT)
        return 0;
    if (rc != 0 || times.entries == 0)
        return rc;
    segment->largest = times.last.timestamp;
    return 1;
}

/* Bytes that are no batch are stepped over: what lies behind them counts as well. */
static int walk(struct log_timestamps *job, struct segment_scan *scan, struct unknown_segment *segment)
{
    struct segment_batch batch;
    int64_t largest = -1;
    segment_scan_seek(scan, 0, segment->base_offset, segment->end_offset);
    for (;;) {
        int rc = segment_scan_next(scan, &batch, &job->error);
        if (rc == FURROW_CORRUPT && segment_scan_find(scan, segment->size, segment->end_offset))
            continue;
        if (rc < 0 && rc != FURROW_CORRUPT)
            return rc;
        if (rc != 1)
            break;
        if (batch.header.count > 0 && batch.header.max_timestamp > largest)
            largest = batch.header.max_timestamp;
    }
    segment->largest = largest;
    return 0;
}

static int ask_batches(struct log_timestamps *job, struct unknown_segment *segment)
{
    struct log_handle handle;
    struct segment_scan scan;
    int rc = open_part(job, segment, SEGMENT_LOG, &handle);
    if (rc != 0)
        return rc;
    rc = segment_scan_open(&scan, job->memory, handle.file, segment->size, SEGMENT_SCAN_HEADERS, &job->error);
    if (rc == 0) {
        rc = walk(job, &scan, segment);
        segment_scan_close(&scan);
    }
    file_close(handle.file);
    return rc;
}

void log_timestamps_execute(struct log_timestamps *job)
{
    job->executed = true;
    for (uint32_t i = 0; i < job->count && job->status == 0; i++) {
        int rc = ask_index(job, &job->segments[i]);
        if (rc == 0)
            rc = ask_batches(job, &job->segments[i]);
        if (rc < 0 && rc != -ENOENT) /* -ENOENT: trimmed meanwhile */
            job->status = rc;
    }
}

/* ---- end ---- */

int log_timestamps_end(struct log *log, struct log_timestamps *job, struct error *error)
{
    int rc = job->executed ? job->status : -ECANCELED;
    for (uint32_t i = 0; i < job->count; i++) {
        const struct unknown_segment *found = &job->segments[i];
        struct segment *segment = &log->segments[log_find_segment(log, found->base_offset)];
        if (segment->base_offset == found->base_offset && segment->size == found->size &&
            segment->largest_timestamp == SEGMENT_TIMESTAMP_UNKNOWN)
            segment->largest_timestamp = found->largest;
        if (rc == 0 && segment->base_offset == found->base_offset && found->largest == SEGMENT_TIMESTAMP_UNKNOWN)
            rc = -ENOENT;
    }
    if (rc != 0 && error != NULL) {
        *error = job->error;
        error_wrap(error, rc, "%s", log->folder);
    }
    memory_free(job->memory, MEMORY_LOGS, job, sizeof *job);
    return rc;
}
