#include "log_mark.h"
#include "log_swap.h"

#include <stdio.h>

/* ---- creating ---- */

static int make_empty_file(struct disk *disk, const char *folder, enum segment_part part, struct error *error)
{
    char path[DISK_PATH_MAX];
    segment_path(folder, 0, part, path);
    struct file *file;
    int rc = disk_open_file(disk, path, FILE_CREATE, &file, error);
    if (rc == 0)
        file_close(file);
    return rc;
}

int log_create_files(struct disk *disk, const char *folder, struct uuid topic_id, struct error *error)
{
    int64_t last_base;
    int rc;
    if ((rc = disk_make_folder(disk, folder, error)) != 0 || (rc = disk_sync_folder(disk, "", error)) != 0 ||
        (rc = log_find_records(disk, folder, &last_base, error)) != 0)
        return error_wrap(error, rc, "%s", folder);
    if (last_base >= 0)
        return log_sync_files(disk, folder, error);
    if ((rc = make_empty_file(disk, folder, SEGMENT_LOG, error)) != 0 ||
        (rc = make_empty_file(disk, folder, SEGMENT_OFFSET_INDEX, error)) != 0 ||
        (rc = make_empty_file(disk, folder, SEGMENT_TIME_INDEX, error)) != 0 ||
        (rc = log_write_topic_id(disk, folder, topic_id, error)) != 0)
        return error_wrap(error, rc, "%s", folder);
    return 0; /* replacing a file has synced the folder */
}

int log_delete_files(struct disk *disk, const char *folder, struct error *error)
{
    int rc = disk_remove_tree(disk, folder, error);
    return rc == 0 ? disk_sync_folder(disk, "", error) : rc;
}

int log_remove_segment_files(struct disk *disk, const char *folder, int64_t base_offset, struct error *error)
{
    for (int part = 0; part < SEGMENT_PARTS; part++) {
        char path[DISK_PATH_MAX];
        segment_path(folder, base_offset, (enum segment_part)part, path);
        int rc = disk_remove_file(disk, path, error);
        if (rc != 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

static void aside_path(const char *folder, int64_t base_offset, int part, char path[DISK_PATH_MAX],
                       char aside[DISK_PATH_MAX + sizeof ".deleted"])
{
    segment_path(folder, base_offset, (enum segment_part)part, path);
    snprintf(aside, DISK_PATH_MAX + sizeof ".deleted", "%s.deleted", path);
}

int log_set_segment_aside(struct disk *disk, const char *folder, int64_t base_offset, struct error *error)
{
    for (int part = 0; part < SEGMENT_PARTS; part++) {
        char path[DISK_PATH_MAX], aside[DISK_PATH_MAX + sizeof ".deleted"];
        aside_path(folder, base_offset, part, path, aside);
        int rc = disk_rename(disk, path, aside, error);
        if (rc != 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

int log_remove_segment_aside(struct disk *disk, const char *folder, int64_t base_offset, struct error *error)
{
    for (int part = 0; part < SEGMENT_PARTS; part++) {
        char path[DISK_PATH_MAX], aside[DISK_PATH_MAX + sizeof ".deleted"];
        aside_path(folder, base_offset, part, path, aside);
        int rc = disk_remove_file(disk, aside, error);
        if (rc != 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

/* ---- closing ---- */

static void forget_files(struct log *log)
{
    char prefix[DISK_PATH_MAX];
    snprintf(prefix, sizeof prefix, "%s/", log->folder);
    file_cache_forget(log->environment.files, prefix);
}

void log_abandon(struct log *log)
{
    forget_files(log);
    log_trim_make_void(log->trim);
    log->abandoned = true;
}

void log_take_offline(struct log *log)
{
    log->offline = true;
}

void log_close(struct log *log)
{
    struct memory *memory = log->environment.memory;
    if (!log->abandoned)
        forget_files(log);
    log_mark_drop(log->pending_mark);
    log_swap_free(memory, log->unsettled);
    producer_state_close(log->producers);
    epochs_close(&log->epochs);
    if (log->tails != NULL)
        memory_free(memory, MEMORY_LOGS, log->tails, sizeof *log->tails);
    memory_free(memory, MEMORY_LOGS, log->segments, log->segment_capacity * sizeof *log->segments);
    memory_free(memory, MEMORY_LOGS, log, sizeof *log + log->folder_size);
}

/* ---- looking ---- */

void log_set_config(struct log *log, const struct log_config *config)
{
    log->config = *config;
}

void log_set_producer_expiry(struct log *log, int64_t ms)
{
    log->environment.producer_expiry_ms = ms;
}

const char *log_folder(const struct log *log)
{
    return log->folder;
}

struct uuid log_topic_id(const struct log *log)
{
    return log->topic_id;
}

int64_t log_start_offset(const struct log *log)
{
    return log->start;
}

int64_t log_end_offset(const struct log *log)
{
    return log->end;
}

int64_t log_stable_end_offset(const struct log *log)
{
    return log->stable_end;
}

int64_t log_synced_end_offset(const struct log *log)
{
    return log->synced_end;
}

int32_t log_leader_epoch(const struct log *log)
{
    return log->leader_epoch;
}

int64_t log_active_base(const struct log *log)
{
    return log->segments[log->segment_count - 1].base_offset;
}

uint64_t log_bytes(const struct log *log)
{
    return log->bytes;
}

uint64_t log_unsynced_bytes(const struct log *log)
{
    return log->written_bytes - log->synced_bytes;
}

bool log_is_offline(const struct log *log)
{
    return log->offline;
}

void log_find_epoch_end(const struct log *log, int32_t epoch, int32_t *found_epoch, int64_t *end_offset)
{
    epochs_find_end(&log->epochs, epoch, log->end, found_epoch, end_offset);
}

int log_set_start_offset(struct log *log, int64_t offset, struct error *error)
{
    if (offset < 0 || offset > log->end)
        return error_set(error, FURROW_OUT_OF_RANGE, "%s: offset %" PRId64 " is not in %" PRId64 "..%" PRId64,
                         log->folder, offset, log->start, log->end);
    if (offset > log->start)
        log->start = offset;
    if (log->stable_end < log->start)
        log->stable_end = log->start;
    return 0;
}

/* ---- segments ---- */

uint32_t log_find_segment(const struct log *log, int64_t offset)
{
    uint32_t low = 0;
    uint32_t high = log->segment_count; /* the answer is in [low, high) */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (log->segments[middle].base_offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int log_reserve_segment(struct log *log)
{
    if (log->segment_count < log->segment_capacity)
        return 0;
    uint32_t capacity = log->segment_capacity + log->segment_capacity / 2 + 1;
    struct segment *segments = memory_realloc(log->environment.memory, MEMORY_LOGS, log->segments,
                                              log->segment_capacity * sizeof *segments, capacity * sizeof *segments);
    if (segments == NULL)
        return -ENOMEM;
    log->segments = segments;
    log->segment_capacity = capacity;
    return 0;
}

/* ---- producers ---- */

struct producer_listing {
    log_producer_callback *callback;
    void *context;
};

static int list_producer(void *context, const struct producer *producer)
{
    const struct producer_listing *listing = context;
    struct log_producer listed = {.producer_id = producer->id,
                                  .epoch = producer->epoch,
                                  .last_sequence = BATCH_NO_SEQUENCE,
                                  .last_offset = -1,
                                  .last_timestamp = producer->timestamp,
                                  .coordinator_epoch = producer->coordinator_epoch,
                                  .transaction_start = producer->transaction_start};
    if (producer->batch_count > 0) {
        const struct producer_batch *last = &producer->batches[producer->batch_count - 1];
        listed.last_sequence = last->last_sequence;
        listed.last_offset = last->last_offset;
    }
    return listing->callback(listing->context, &listed);
}

int log_list_producers(const struct log *log, log_producer_callback *callback, void *context)
{
    struct producer_listing listing = {callback, context};
    return producer_state_list(log->producers, list_producer, &listing);
}

/* ---- file handles ---- */

bool log_is_replaced(const struct log *log, int64_t base_offset, uint32_t swaps)
{
    uint32_t i = log_find_segment(log, base_offset);
    const struct segment *segment = &log->segments[i];
    if (log->swaps == swaps)
        return false;
    if (segment->base_offset != base_offset) /* behind the last one: a write that rolls has not ended yet */
        return i + 1 < log->segment_count || base_offset < segment->base_offset;
    return segment->swap > swaps;
}

void log_handle_find(struct log *log, struct log_handle *handle, int64_t base_offset, enum segment_part part)
{
    char path[DISK_PATH_MAX];
    *handle = (struct log_handle){.swaps = log->swaps};
    const struct segment *segment = &log->segments[log_find_segment(log, base_offset)];
    handle->unsettled = segment->base_offset == base_offset && segment->unsettled;
    if (log->abandoned)
        return;
    segment_path(log->folder, base_offset, part, path);
    handle->pinned = file_cache_find(log->environment.files, path);
    handle->file = handle->pinned != NULL ? file_cache_file(handle->pinned) : NULL;
}

int log_handle_open(struct log_handle *handle, struct disk *disk, const char *folder, int64_t base_offset,
                    enum segment_part part, enum file_mode mode, struct error *error)
{
    if (handle->file != NULL)
        return 0;
    char path[SWAP_PATH_MAX];
    if (handle->unsettled) {
        log_swap_path(folder, base_offset, part, SWAP_SUFFIX, path);
        int rc = disk_open_file(disk, path, mode, &handle->file, error);
        if (rc != -ENOENT)
            return rc;
    }
    segment_path(folder, base_offset, part, path);
    return disk_open_file(disk, path, mode, &handle->file, error);
}

int log_handle_pin(struct log *log, struct log_handle *handle, int64_t base_offset, enum segment_part part)
{
    if (handle->file == NULL || handle->pinned != NULL)
        return 0;
    if (log->abandoned || log_is_replaced(log, base_offset, handle->swaps))
        return FURROW_OFFLINE;
    if (base_offset < log->segments[0].base_offset)
        return FURROW_OUT_OF_RANGE;
    char path[DISK_PATH_MAX];
    segment_path(log->folder, base_offset, part, path);
    int rc = file_cache_insert(log->environment.files, path, handle->file, &handle->pinned);
    if (rc == 0)
        handle->file = file_cache_file(handle->pinned);
    else
        handle->pinned = NULL;
    return rc;
}

void log_handle_release(struct log *log, struct log_handle *handle)
{
    if (handle->pinned != NULL)
        file_cache_release(log->environment.files, handle->pinned);
    else if (handle->file != NULL)
        file_close(handle->file);
    *handle = (struct log_handle){0};
}
