#include "log_trim.h"

#include "compaction.h"
#include "log_private.h"

#include <stdatomic.h>

#define TRIM_SEGMENTS_MAX 64 /* of one trim: what is done on the loop stays short */

struct log_trim {
    struct disk *disk;
    struct memory *memory;
    const char *folder;
    atomic_bool is_void; /* the folder's name is not the log's any more */
    uint64_t bytes;
    uint32_t count;
    int64_t bases[];
};

/* ---- on the loop ---- */

void log_note_start_saved(struct log *log, int64_t offset)
{
    if (offset <= log->saved_start)
        return;
    log->saved_start = offset;
    if (epochs_cut_start(&log->epochs, offset)) /* not before: the start could go back in a power cut */
        log->epoch_changes++;
}

bool log_is_start_saved(const struct log *log)
{
    return log->saved_start >= log->start;
}

static bool is_below_start(const struct log *log, uint32_t i)
{
    return i + 1 < log->segment_count && log->segments[i + 1].base_offset <= log->saved_start;
}

static uint32_t count_segments(const struct log *log)
{
    uint32_t count = 0;
    while (count < TRIM_SEGMENTS_MAX && is_below_start(log, count) &&
           log->segments[count].base_offset < log->unsynced_base)
        count++;
    return count;
}

bool log_wants_trim(const struct log *log)
{
    return log->trim == NULL && !log->abandoned && !log_is_compacting(log) && is_below_start(log, 0);
}

bool log_trim_wants_sync(const struct log *log)
{
    return count_segments(log) == 0 && is_below_start(log, 0);
}

/* No handle may lead to the files from now on; one that is in use is closed when it is given back. */
static void forget_files(struct log *log, int64_t base_offset)
{
    char prefix[DISK_PATH_MAX];
    segment_path(log->folder, base_offset, SEGMENT_LOG, prefix);
    prefix[strlen(prefix) - strlen("log")] = '\0'; /* the suffixes begin behind the dot */
    file_cache_forget(log->environment.files, prefix);
}

static void take_out(struct log *log, struct log_trim *trim)
{
    for (uint32_t i = 0; i < trim->count; i++) {
        const struct segment *segment = &log->segments[i];
        trim->bases[i] = segment->base_offset;
        trim->bytes += segment->size;
        forget_files(log, segment->base_offset);
    }
    log->segment_count -= trim->count;
    memmove(log->segments, log->segments + trim->count, log->segment_count * sizeof *log->segments);
    log->bytes -= trim->bytes;
}

int log_trim_begin(struct log *log, struct log_trim **trim, struct error *error)
{
    *trim = NULL;
    uint32_t count = log_wants_trim(log) ? count_segments(log) : 0;
    if (count == 0)
        return 0;
    struct memory *memory = log->environment.memory;
    struct log_trim *made = memory_alloc_zeroed(memory, MEMORY_LOGS, sizeof *made + count * sizeof made->bases[0]);
    if (made == NULL)
        return error_set_status(error, -ENOMEM, "%s: trim", log->folder);
    made->disk = log->environment.disk;
    made->memory = memory;
    made->folder = log->folder;
    made->count = count;
    take_out(log, made);
    log->trim = made;
    *trim = made;
    return 0;
}

void log_trim_end(struct log *log, struct log_trim *trim)
{
    log->trim = NULL;
    memory_free(trim->memory, MEMORY_LOGS, trim, sizeof *trim + trim->count * sizeof trim->bases[0]);
}

void log_trim_make_void(struct log_trim *trim)
{
    if (trim != NULL)
        atomic_store(&trim->is_void, true);
}

uint32_t log_trim_segments(const struct log_trim *trim)
{
    return trim->count;
}

uint64_t log_trim_bytes(const struct log_trim *trim)
{
    return trim->bytes;
}

/* ---- on any thread ---- */

int log_trim_execute(struct log_trim *trim, struct error *error)
{
    for (uint32_t i = 0; i < trim->count && !atomic_load(&trim->is_void); i++) {
        int rc = log_set_segment_aside(trim->disk, trim->folder, trim->bases[i], error);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int log_trim_remove(struct log_trim *trim, struct error *error)
{
    for (uint32_t i = 0; i < trim->count && !atomic_load(&trim->is_void); i++) {
        int rc = log_remove_segment_aside(trim->disk, trim->folder, trim->bases[i], error);
        if (rc != 0)
            return rc;
    }
    return 0;
}
