#include "log_scrub.h"

#include "log_private.h"

#include <stdio.h>

struct log_scrub {
    struct disk *disk;
    struct memory *memory;
    const char *folder;
    int64_t end_offset; /* of the segment */
    uint32_t size;      /* bytes */
    uint32_t swaps;     /* the log's, when it began */
    struct log_handle handle;
    struct segment_scan scan; /* valid while the handle is open */
    uint32_t last_bytes;
    struct log_scrub_result result;
};

int log_scrub_begin(struct log *log, int64_t behind, struct log_scrub **scrub, struct error *error)
{
    *scrub = NULL;
    uint32_t i = 0;
    while (i < log->segment_count && log->segments[i].base_offset <= behind)
        i++;
    if (i == log->segment_count || log->abandoned)
        return 0;
    struct log_scrub *made = memory_alloc_zeroed(log->environment.memory, MEMORY_LOGS, sizeof *made);
    if (made == NULL)
        return error_set_status(error, -ENOMEM, "%s: scrub", log->folder);
    const struct segment *segment = &log->segments[i];
    made->disk = log->environment.disk;
    made->memory = log->environment.memory;
    made->folder = log->folder;
    made->end_offset = log_segment_end_offset(log, i);
    made->size = segment->size;
    made->swaps = log->swaps;
    made->handle.unsettled = segment->unsettled;
    made->result.base_offset = segment->base_offset;
    *scrub = made;
    return 0;
}

/* ---- a slice ---- */

static void note(struct log_scrub *scrub, int64_t offset, uint32_t from, uint32_t to, const struct error *error)
{
    struct log_scrub_result *result = &scrub->result;
    if (result->found < LOG_SCRUB_FINDINGS) {
        struct log_scrub_finding *finding = &result->findings[result->found];
        *finding = (struct log_scrub_finding){.offset = offset, .position = from, .bytes = to - from};
        snprintf(finding->words, sizeof finding->words, "%s", error->message);
    }
    result->found++;
}

/* A file of its own: one that reads share would be thrown out of the cache with it. */
static int open_segment(struct log_scrub *scrub, struct error *error)
{
    int rc = log_handle_open(&scrub->handle, scrub->disk, scrub->folder, scrub->result.base_offset, SEGMENT_LOG,
                             FILE_READ, error);
    if (rc != 0)
        return rc;
    rc = segment_scan_open(&scrub->scan, scrub->memory, scrub->handle.file, scrub->size, SEGMENT_SCAN_BATCHES, error);
    if (rc != 0) {
        file_close(scrub->handle.file);
        scrub->handle.file = NULL;
        return rc;
    }
    segment_scan_seek(&scrub->scan, 0, scrub->result.base_offset, scrub->end_offset);
    return 0;
}

/* What is no batch, up to the next one. False when nothing behind it can be looked at. */
static bool pass_over(struct log_scrub *scrub, const struct error *error)
{
    struct segment_scan *scan = &scrub->scan;
    uint32_t from = scan->position;
    int64_t offset = scan->next_offset;
    bool is_found = scan->read_status == 0 && segment_scan_find(scan, scan->end, scrub->end_offset);
    note(scrub, offset, from, is_found ? scan->position : scan->end, error);
    return is_found;
}

/* 1: there is more. */
static int look_at_next(struct log_scrub *scrub)
{
    struct segment_scan *scan = &scrub->scan;
    struct segment_batch batch;
    struct error error = {0};
    int rc = segment_scan_next(scan, &batch, &error);
    if (rc == 0)
        return 0;
    if (rc < 0)
        return pass_over(scrub, &error);
    rc = segment_scan_check(scan, &batch, &error);
    if (rc != 0)
        note(scrub, batch.header.base_offset, batch.position, scan->position, &error);
    return rc == 0 || rc == FURROW_CORRUPT;
}

static int scan_slice(struct log_scrub *scrub, uint32_t budget)
{
    struct segment_scan *scan = &scrub->scan;
    uint32_t from = scan->position;
    uint32_t size = scan->end - from < budget ? scan->end - from : budget;
    bool was_cached = size != 0 && file_is_cached(scrub->handle.file, from, size);
    file_drop_cached(scrub->handle.file, from, size);
    scan->filled = 0; /* or the end of the last slice would be looked at in memory */
    int rc;
    do
        rc = look_at_next(scrub);
    while (rc == 1 && scan->position - from < size);
    scrub->last_bytes = scan->position - from;
    scrub->result.bytes += scrub->last_bytes;
    if (!was_cached)
        file_drop_cached(scrub->handle.file, from, scrub->last_bytes);
    return rc == 1 && scan->position < scan->end;
}

int log_scrub_execute(struct log_scrub *scrub, uint32_t budget)
{
    struct error error = {0};
    scrub->last_bytes = 0;
    int rc = scrub->handle.file == NULL ? open_segment(scrub, &error) : 0;
    if (rc == 0)
        return scan_slice(scrub, budget);
    if (rc != -ENOMEM && rc != -ENOENT) /* what is missing was removed with its topic, or is told by every read */
        note(scrub, scrub->result.base_offset, 0, scrub->size, &error);
    return rc == -ENOMEM ? rc : 0;
}

uint32_t log_scrub_last_bytes(const struct log_scrub *scrub)
{
    return scrub->last_bytes;
}

/* ---- the end ---- */

void log_scrub_end(struct log *log, struct log_scrub *scrub, struct log_scrub_result *result)
{
    if (scrub->handle.file != NULL) {
        segment_scan_close(&scrub->scan);
        file_close(scrub->handle.file);
    }
    *result = scrub->result;
    struct segment *segment = &log->segments[log_find_segment(log, result->base_offset)];
    bool is_there = segment->base_offset == result->base_offset && !log->abandoned;
    if (!is_there || log_is_replaced(log, result->base_offset, scrub->swaps))
        result->found = 0;
    memory_free(scrub->memory, MEMORY_LOGS, scrub, sizeof *scrub);
    if (result->found == 0)
        return;
    segment->verified_from = segment->verified_to = 0;
    log_hints_forget(log);
}
