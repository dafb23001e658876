/* Opening: what stands in the folder becomes the log's state. After a clean stop that is one listing, the small files,
 * the sizes of the segments, and of the last one the last entries of its indexes and the batches behind them. */
#include "log_swap.h"

#include <stdio.h>

/* ---- small files ---- */

/* Kafka's form: "version: 0" and "topic_id: <id>", a line each. Whatever else it says, the topic has no id then. */
int log_read_topic_id(struct disk *disk, const char *folder, struct uuid *topic_id, struct error *error)
{
    char path[DISK_PATH_MAX];
    uint8_t *bytes;
    size_t size;
    *topic_id = UUID_ZERO;
    snprintf(path, sizeof path, "%s/" LOG_METADATA_FILE, folder);
    int rc = disk_read_file(disk, path, 1024, MEMORY_LOGS, &bytes, &size, error);
    if (rc != 0)
        return rc;
    static const char key[] = "topic_id: ";
    for (size_t at = 0; at + sizeof key - 1 + UUID_TEXT_SIZE - 1 <= size; at++) {
        if ((at == 0 || bytes[at - 1] == '\n') && memcmp(bytes + at, key, sizeof key - 1) == 0 &&
            !uuid_parse(slice_of(bytes + at + sizeof key - 1, UUID_TEXT_SIZE - 1), topic_id))
            *topic_id = UUID_ZERO;
    }
    memory_free(disk->memory, MEMORY_LOGS, bytes, size);
    return 0;
}

/* An unreadable checkpoint is made again from the batches' epochs as they are scanned or appended. */
static int load_epochs(struct log *log, struct error *error)
{
    char path[DISK_PATH_MAX];
    uint8_t *bytes;
    size_t size;
    snprintf(path, sizeof path, "%s/" LOG_EPOCHS_FILE, log->folder);
    int rc = disk_read_file(log->environment.disk, path, CHECKPOINT_LIMIT, MEMORY_LOGS, &bytes, &size, error);
    if (rc != 0)
        return rc;
    rc = epochs_parse(&log->epochs, slice_of(bytes, size), error);
    memory_free(log->environment.memory, MEMORY_LOGS, bytes, size);
    if (rc == FURROW_CORRUPT)
        log->epoch_changes++;
    return rc == FURROW_CORRUPT ? 0 : rc;
}

int log_load_snapshot(struct log *log, const struct log_folder *found, int64_t at_most, int64_t now,
                      struct error *error)
{
    producer_state_clear(log->producers);
    log->snapshot_offset = -1;
    for (uint32_t i = found->count; i-- > 0;) {
        const struct log_folder_segment *entry = &found->segments[i];
        if (!entry->parts[SEGMENT_SNAPSHOT] || entry->base_offset > at_most)
            continue;
        char path[DISK_PATH_MAX];
        uint8_t *bytes;
        size_t size;
        segment_path(log->folder, entry->base_offset, SEGMENT_SNAPSHOT, path);
        int rc = disk_read_file(log->environment.disk, path, PRODUCER_SNAPSHOT_MAX_SIZE, MEMORY_PRODUCERS, &bytes,
                                &size, error);
        if (rc == FURROW_TOO_LARGE)
            continue;
        if (rc != 0)
            return rc;
        rc = producer_state_parse(log->producers, slice_of(bytes, size), now, log->environment.producer_expiry_ms,
                                  error);
        memory_free(log->environment.memory, MEMORY_PRODUCERS, bytes, size);
        if (rc == 0) {
            log->snapshot_offset = entry->base_offset;
            return 0;
        }
        if (rc == -ENOMEM)
            return rc;
    }
    return 0;
}

/* Newer than the log's end, or neither the newest nor at a segment's start. */
static int remove_stray_snapshots(struct log *log, const struct log_folder *found, struct error *error)
{
    for (uint32_t i = 0; i < found->count; i++) {
        const struct log_folder_segment *entry = &found->segments[i];
        int64_t offset = entry->base_offset;
        bool is_needed = offset == log->snapshot_offset || (entry->parts[SEGMENT_LOG] && offset <= log->end);
        if (!entry->parts[SEGMENT_SNAPSHOT] || is_needed)
            continue;
        char path[DISK_PATH_MAX];
        segment_path(log->folder, offset, SEGMENT_SNAPSHOT, path);
        int rc = disk_remove_file(log->environment.disk, path, error);
        if (rc != 0 && rc != -ENOENT)
            return rc;
        log->folder_changes++;
    }
    return 0;
}

/* ---- segments ---- */

static int measure_segment(struct log *log, struct segment *segment, struct error *error)
{
    struct log_handle handle = {0};
    uint64_t size = 0;
    int rc = log_handle_open(&handle, log->environment.disk, log->folder, segment->base_offset, SEGMENT_LOG, FILE_READ,
                             error);
    if (rc != 0)
        return rc;
    rc = file_size(handle.file, &size, error);
    file_close(handle.file);
    if (rc != 0)
        return rc;
    if (size > SEGMENT_MAX_BYTES)
        return error_set(error, FURROW_CORRUPT, "segment %" PRId64 " has %" PRIu64 " bytes", segment->base_offset,
                         size);
    segment->size = (uint32_t)size;
    log->bytes += size;
    return 0;
}

int log_add_segment(struct log *log, int64_t base_offset, struct error *error)
{
    static const enum segment_part parts[] = {SEGMENT_LOG, SEGMENT_OFFSET_INDEX, SEGMENT_TIME_INDEX};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct log_handle handle = {0};
        int rc =
            log_handle_open(&handle, log->environment.disk, log->folder, base_offset, parts[i], FILE_CREATE, error);
        if (rc != 0)
            return rc;
        file_close(handle.file);
    }
    if (log_reserve_segment(log) != 0)
        return error_set_status(error, -ENOMEM, "segments");
    log->segments[log->segment_count++] = (struct segment){.base_offset = base_offset, .largest_timestamp = -1};
    log->folder_changes++;
    return 0;
}

/* Segments that lie wholly below the start are what a trim has left: gone, and no hole among them is damage. */
static int remove_below_start(struct log *log, struct log_folder *found, struct error *error)
{
    uint32_t first = 0; /* the last that begins at or below the start */
    for (uint32_t i = 0; i < found->count; i++) {
        if (found->segments[i].parts[SEGMENT_LOG] && found->segments[i].base_offset <= log->start)
            first = i;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < found->count; i++) {
        if (i >= first) {
            found->segments[kept++] = found->segments[i];
            continue;
        }
        int rc = log_remove_segment_files(log->environment.disk, log->folder, found->segments[i].base_offset, error);
        if (rc != 0)
            return rc;
    }
    found->count = kept;
    return 0;
}

static int load_segments(struct log *log, const struct log_folder *found, struct error *error)
{
    for (uint32_t i = 0; i < found->count; i++) {
        if (!found->segments[i].parts[SEGMENT_LOG])
            continue;
        if (log_reserve_segment(log) != 0)
            return error_set_status(error, -ENOMEM, "segments");
        struct segment *segment = &log->segments[log->segment_count++];
        *segment = (struct segment){.base_offset = found->segments[i].base_offset,
                                    .largest_timestamp = SEGMENT_TIMESTAMP_UNKNOWN};
        int rc = measure_segment(log, segment, error);
        if (rc != 0)
            return rc;
    }
    return log->segment_count > 0 ? 0 : log_add_segment(log, log->start > 0 ? log->start : 0, error);
}

/* ---- the head ---- */

static int load_indexes(struct log *log, struct error *error)
{
    int64_t base_offset = log_last_segment(log)->base_offset;
    struct log_handle handle = {0};
    int rc = log_handle_open(&handle, log->environment.disk, log->folder, base_offset, SEGMENT_OFFSET_INDEX, FILE_READ,
                             error);
    if (rc == 0) {
        rc = offset_index_load(&log->head.index, handle.file, base_offset, error);
        file_close(handle.file);
    }
    if (rc != 0)
        return rc == -ENOENT ? FURROW_CORRUPT : rc;
    handle = (struct log_handle){0};
    rc =
        log_handle_open(&handle, log->environment.disk, log->folder, base_offset, SEGMENT_TIME_INDEX, FILE_READ, error);
    if (rc == 0) {
        rc = time_index_load(&log->head.times, handle.file, base_offset, error);
        file_close(handle.file);
    }
    return rc == -ENOENT ? FURROW_CORRUPT : rc;
}

/* The first batch for its timestamp, the last ones for the log's end. */
static int scan_last_batches(struct log *log, struct segment_scan *scan, struct error *error)
{
    const struct offset_position *last = &log->head.index.last;
    struct segment_batch batch;
    segment_scan_seek(scan, 0, log->head.index.base_offset, INT64_MAX);
    int rc = segment_scan_next(scan, &batch, error);
    if (rc != 1)
        return rc;
    log->head.first_timestamp = batch.header.max_timestamp;
    if (last->position > 0)
        segment_scan_seek(scan, last->position, log->head.index.base_offset, INT64_MAX);
    else
        log->end = batch_last_offset(&batch.header) + 1;
    while ((rc = segment_scan_next(scan, &batch, error)) == 1)
        log->end = batch_last_offset(&batch.header) + 1;
    return rc;
}

int log_load_head(struct log *log, int64_t now, struct error *error)
{
    const struct segment *segment = log_last_segment(log);
    log_head_init(&log->head, segment->base_offset, now);
    log->end = segment->base_offset;
    if (segment->size == 0)
        return 0;
    int rc = load_indexes(log, error);
    if (rc != 0)
        return rc;
    log->head.largest = log->head.times.last;
    if (log->head.index.last.position >= segment->size)
        return error_set(error, FURROW_CORRUPT, "the offset index goes beyond the segment");
    log->head.bytes_since_index = segment->size - log->head.index.last.position;

    struct log_handle handle = {0};
    rc = log_handle_open(&handle, log->environment.disk, log->folder, segment->base_offset, SEGMENT_LOG, FILE_READ,
                         error);
    if (rc != 0)
        return rc;
    struct segment_scan scan;
    rc = segment_scan_open(&scan, log->environment.memory, handle.file, segment->size, SEGMENT_SCAN_HEADERS, error);
    if (rc == 0) {
        rc = scan_last_batches(log, &scan, error);
        segment_scan_close(&scan);
    }
    file_close(handle.file);
    return rc;
}

/* ---- all of it ---- */

static struct log *make_log(const struct log_environment *environment, const char *folder,
                            const struct log_config *config)
{
    size_t folder_size = strlen(folder) + 1;
    struct log *log = memory_alloc_zeroed(environment->memory, MEMORY_LOGS, sizeof *log + folder_size);
    if (log == NULL)
        return NULL;
    log->environment = *environment;
    log->config = *config;
    log->snapshot_offset = -1;
    log->stray_base = -1;
    log->folder_size = folder_size;
    memcpy(log->folder, folder, folder_size);
    epochs_init(&log->epochs, environment->memory);
    if (producer_state_create(environment->memory, LOG_MAX_PRODUCERS, &log->producers) != 0) {
        memory_free(environment->memory, MEMORY_LOGS, log, sizeof *log + folder_size);
        return NULL;
    }
    return log;
}

/* Batches behind the newest snapshot: none after a clean stop of our own. */
static int load_clean(struct log *log, const struct log_folder *found, const struct log_opening *opening,
                      struct error *error)
{
    for (uint32_t i = 0; i < found->count; i++) {
        const bool *parts = found->segments[i].parts;
        if (parts[SEGMENT_LOG] && !(parts[SEGMENT_OFFSET_INDEX] && parts[SEGMENT_TIME_INDEX]))
            return error_set(error, FURROW_CORRUPT, "an index is missing");
    }
    int rc = log_load_head(log, opening->now, error);
    if (rc != 0)
        return rc;
    rc = log_load_snapshot(log, found, log->end, opening->now, error);
    if (rc == 0)
        rc = log_load_aborted(log, found, error);
    if (rc == 0 && log->snapshot_offset >= 0 && log->snapshot_offset < log->end)
        return error_set(error, FURROW_CORRUPT, "the producer snapshot is older than the log's end");
    return rc;
}

/* Closed segments are not doubted: neither those of another's log, nor ours after a clean stop. */
static void trust_closed_segments(struct log *log, struct log_opening *opening)
{
    int64_t last_base = log_last_segment(log)->base_offset;
    opening->clean = false;
    if (opening->recovery_point < last_base)
        opening->recovery_point = last_base;
}

static bool was_copied_in(const struct log *log, const struct log_opening *opening)
{
    return log->bytes > 0 && !uuid_is_zero(opening->topic_id) && !uuid_equal(log->topic_id, opening->topic_id);
}

static int load(struct log *log, struct log_folder *found, const struct log_opening *asked,
                struct log_recovery *recovery, struct error *error)
{
    struct log_opening as_asked = *asked, *opening = &as_asked;
    int rc = 0;
    if (found->has_metadata)
        rc = log_read_topic_id(log->environment.disk, log->folder, &log->topic_id, error);
    if (rc == 0 && found->has_epochs)
        rc = load_epochs(log, error);
    log->start = opening->log_start > 0 ? opening->log_start : 0;
    if (rc == 0)
        rc = remove_below_start(log, found, error);
    if (rc == 0)
        rc = load_segments(log, found, error);
    if (rc != 0)
        return rc;
    if (log->segments[0].base_offset > log->start)
        log->start = log->segments[0].base_offset;
    log->saved_start = log->start;
    if (epochs_cut_start(&log->epochs, log->start))
        log->epoch_changes++;
    int32_t seen = epochs_latest(&log->epochs); /* one that is cut may have been given to consumers */
    recovery->adopted = was_copied_in(log, opening);
    if (recovery->adopted)
        trust_closed_segments(log, opening);
    if (opening->clean) {
        rc = load_clean(log, found, opening, error);
        if (rc == FURROW_CORRUPT)
            trust_closed_segments(log, opening); /* not as a clean stop leaves it: look at the rest */
        else if (rc != 0)
            return rc;
        log->synced_end = log->end;
        log->unsynced_base = log_last_segment(log)->base_offset;
    }
    if (!opening->clean)
        rc = log_recover(log, found, opening, recovery, error);
    if (rc != 0)
        return rc;
    if (seen < epochs_latest(&log->epochs))
        seen = epochs_latest(&log->epochs);
    if (epochs_cut_end(&log->epochs, log->end))
        log->epoch_changes++;
    log->leader_epoch = opening->leader_epoch;
    if (log->leader_epoch <= seen)
        log->leader_epoch = asked->clean && !recovery->adopted ? seen : seen + 1;
    log->mark_position = log->snapshot_offset == log->end ? log_last_segment(log)->size : 0;
    log_update_stable_end(log);
    return remove_stray_snapshots(log, found, error);
}

int log_open(const struct log_environment *environment, const char *folder, const struct log_config *config,
             const struct log_opening *opening, struct log **log, struct log_recovery *recovery, struct error *error)
{
    *recovery = (struct log_recovery){0};
    struct log *made = make_log(environment, folder, config);
    if (made == NULL)
        return error_set_status(error, -ENOMEM, "%s", folder);
    struct log_folder found;
    int rc = log_folder_list(&found, environment->disk, folder, environment->memory, error);
    if (rc != 0)
        goto err_close;
    rc = log_swap_complete(&found, environment->disk, folder, environment->memory, error);
    if (rc == 0)
        rc = log_folder_remove_leftovers(&found, environment->disk, folder, error);
    if (rc == 0)
        rc = load(made, &found, opening, recovery, error);
    log_folder_close(&found);
    if (rc != 0)
        goto err_close;
    *log = made;
    return 0;

err_close:
    log_close(made);
    return error_wrap(error, rc, "%s", folder);
}
