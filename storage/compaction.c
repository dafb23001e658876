/* What is decided on the loop: which segments a run takes, and putting its new segments in the place of the old. */
#include "compaction_private.h"

#include <stdio.h>
#include <stdlib.h>

#define MIN_BUFFER ((size_t)65536)

_Static_assert(COMPACTION_SECRET_SIZE == KEY_HASH_SECRET_SIZE, "as many bytes as the hash takes");

/* ---- looking ---- */

static int64_t largest_timestamp(const struct log *log, uint32_t i)
{
    return i + 1 == log->segment_count ? log->head.largest.timestamp : log->segments[i].largest_timestamp;
}

static bool is_too_young(int64_t largest, const struct compaction_config *config, int64_t now)
{
    return config->min_lag_ms > 0 && (largest == SEGMENT_TIMESTAMP_UNKNOWN || largest > now - config->min_lag_ms);
}

/* Not that of log->start: a power cut may put the start back to where it was saved, and what stands between the two
 * must not outlive the tombstones that delete it. */
static uint32_t first_segment(const struct log *log)
{
    return log_find_segment(log, log->saved_start);
}

/* The first segment that may not be cleaned; all behind it may not either. */
static uint32_t first_uncleanable(const struct log *log, const struct compaction_config *config,
                                  const struct compaction_bounds *bounds, int64_t now, bool *wants_timestamps)
{
    uint32_t i = first_segment(log);
    *wants_timestamps = false;
    for (; i + 1 < log->segment_count; i++) {
        int64_t end_offset = log_segment_end_offset(log, i);
        if (end_offset > bounds->recovery_point || end_offset > log->stable_end || end_offset > log->synced_end ||
            end_offset > log->unsynced_base)
            break;
        if (is_too_young(log->segments[i].largest_timestamp, config, now)) {
            *wants_timestamps = log->segments[i].largest_timestamp == SEGMENT_TIMESTAMP_UNKNOWN;
            break;
        }
    }
    return i;
}

void log_compaction_look(const struct log *log, const struct compaction_config *config,
                         const struct compaction_bounds *bounds, int64_t now, struct compaction_look *look)
{
    uint32_t end = first_uncleanable(log, config, bounds, now, &look->wants_timestamps);
    bool found = false;
    look->clean_bytes = look->dirty_bytes = 0;
    look->first_uncleanable = log->segments[end].base_offset;
    look->first_dirty = log->end;
    look->first_dirty_timestamp = -1;
    for (uint32_t i = first_segment(log); i < log->segment_count; i++) {
        bool is_dirty = log_segment_end_offset(log, i) > bounds->cleaned_end;
        if (!is_dirty)
            look->clean_bytes += log->segments[i].size;
        else if (i < end)
            look->dirty_bytes += log->segments[i].size;
        if (is_dirty && !found) {
            found = true;
            look->first_dirty = log->segments[i].base_offset;
            look->first_dirty_timestamp = largest_timestamp(log, i);
        }
    }
}

bool log_is_compacting(const struct log *log)
{
    return log->compacting || log->unsettled != NULL;
}

bool log_wants_settling(const struct log *log)
{
    return log->unsettled != NULL && !log->compacting;
}

/* ---- begin ---- */

static void take_inputs(const struct log *log, const struct compaction_bounds *bounds, uint32_t first, uint32_t end,
                        struct log_compaction *run)
{
    run->dirty_first = UINT32_MAX;
    for (uint32_t i = first; i < end; i++) {
        struct compaction_input *input = &run->inputs[run->input_count];
        *input = (struct compaction_input){.base_offset = log->segments[i].base_offset,
                                           .end_offset = log_segment_end_offset(log, i),
                                           .size = log->segments[i].size,
                                           .has_entries = log->segments[i].aborted > 0};
        if (run->dirty_first == UINT32_MAX && (input->end_offset > bounds->cleaned_end || run->config.keep > 1))
            run->dirty_first = run->input_count;
        input->part = run->dirty_first == UINT32_MAX ? CLEAN : DIRTY;
        run->result.bytes_before += input->size;
        run->input_count++;
    }
    run->result.segments_before = run->input_count;
}

static int take_producer(void *context, const struct producer *producer)
{
    struct log_compaction *run = context;
    if (producer->batch_count == 0 && run->marked_count < run->marked_capacity)
        run->marked[run->marked_count++] = (struct compaction_marked){producer->id, producer->epoch};
    if (producer->batch_count > 0 && run->producer_count < run->producer_capacity)
        run->producer_ends[run->producer_count++] = producer->batches[producer->batch_count - 1].last_offset;
    return 0;
}

static int compare_offsets(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int take_producers(const struct log *log, struct log_compaction *run)
{
    run->producer_capacity = producer_state_count(log->producers);
    run->producer_ends = memory_alloc(run->memory, MEMORY_LOGS, run->producer_capacity * sizeof(int64_t));
    if (run->producer_ends == NULL)
        return -ENOMEM;
    run->marked = memory_alloc(run->memory, MEMORY_LOGS, run->producer_capacity * sizeof *run->marked);
    if (run->marked == NULL)
        return -ENOMEM;
    run->marked_capacity = run->producer_capacity;
    (void)producer_state_list_settled(log->producers, take_producer, run);
    compaction_sort_marked(run);
    qsort(run->producer_ends, run->producer_count, sizeof(int64_t), compare_offsets);
    return 0;
}

static int take_config(struct log_compaction *run, const struct compaction_config *config)
{
    run->config = *config;
    run->config.keep = config->keep > 0 ? config->keep : 1;
    key_hasher_init(&run->hasher, config->secret);
    if (config->key != COMPACTION_HEADER || config->header.size == 0)
        return 0;
    run->header_name = memory_alloc(run->memory, MEMORY_LOGS, config->header.size);
    if (run->header_name == NULL)
        return -ENOMEM;
    memcpy(run->header_name, config->header.data, config->header.size);
    run->config.header = slice_of(run->header_name, config->header.size);
    return 0;
}

static int open_buffers(struct log_compaction *run, size_t buffer)
{
    static const char *const names[PARTS] = {"survivors-clean.tmp", "survivors.tmp"};
    int rc = key_table_open(&run->table, run->memory, buffer > MIN_BUFFER ? buffer : MIN_BUFFER, run->config.keep);
    for (int part = 0; part < PARTS && rc == 0; part++) {
        char path[DISK_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", run->folder, names[part]);
        rc = survivors_open(&run->survivors[part], run->disk, path);
    }
    if (rc == 0)
        rc = batch_stream_open(&run->stream, run->memory);
    if (rc == 0) {
        run->output.buffer = memory_alloc(run->memory, MEMORY_LOGS, OUTPUT_BUFFER);
        rc = run->output.buffer != NULL ? 0 : -ENOMEM;
    }
    return rc;
}

static void drop_run(struct log_compaction *run)
{
    struct memory *memory = run->memory;
    compaction_close_input(run);
    compaction_output_drop(run, false);
    if (run->table.words != NULL)
        key_table_close(&run->table);
    for (int part = 0; part < PARTS; part++) {
        if (run->survivors[part].block != NULL)
            survivors_close(&run->survivors[part]);
    }
    batch_stream_close(&run->stream);
    compaction_close_transactions(run);
    writer_close(&run->scratch);
    if (run->output.buffer != NULL)
        memory_free(memory, MEMORY_LOGS, run->output.buffer, OUTPUT_BUFFER);
    if (run->header_name != NULL)
        memory_free(memory, MEMORY_LOGS, run->header_name, run->config.header.size);
    if (run->producer_ends != NULL)
        memory_free(memory, MEMORY_LOGS, run->producer_ends, run->producer_capacity * sizeof(int64_t));
    if (run->inputs != NULL)
        memory_free(memory, MEMORY_LOGS, run->inputs, run->input_capacity * sizeof *run->inputs);
    memory_free(memory, MEMORY_LOGS, run, sizeof *run);
}

static struct log_compaction *make_run(struct log *log, uint32_t inputs)
{
    struct memory *memory = log->environment.memory;
    struct log_compaction *run = memory_alloc_zeroed(memory, MEMORY_LOGS, sizeof *run);
    if (run == NULL)
        return NULL;
    run->memory = memory;
    run->disk = log->environment.disk;
    run->folder = log->folder;
    run->log_config = log->config;
    run->old_swap = log->unsettled;
    writer_init(&run->scratch, memory, MEMORY_LOGS, INT32_MAX);
    writer_init(&run->entries.pending, memory, MEMORY_LOGS, INT32_MAX);
    run->input_capacity = inputs;
    run->inputs = memory_alloc(memory, MEMORY_LOGS, inputs * sizeof *run->inputs);
    if (run->inputs != NULL)
        return run;
    drop_run(run);
    return NULL;
}

int log_compaction_begin(struct log *log, const struct compaction_config *config,
                         const struct compaction_bounds *bounds, int64_t now, size_t buffer,
                         struct log_compaction **run, struct error *error)
{
    bool wants_timestamps;
    *run = NULL;
    if (log->offline || log->abandoned)
        return error_set_status(error, FURROW_OFFLINE, "%s", log->folder);
    if (log->compacting)
        return error_set_status(error, -EBUSY, "%s: compaction", log->folder);
    uint32_t first = first_segment(log);
    uint32_t end = first_uncleanable(log, config, bounds, now, &wants_timestamps);
    bool is_dirty = end > first && log->segments[end].base_offset > bounds->cleaned_end;
    if (!is_dirty && log->unsettled == NULL)
        return 0;
    struct log_compaction *made = make_run(log, is_dirty ? end - first : 0);
    if (made == NULL)
        return error_set_status(error, -ENOMEM, "%s: compaction", log->folder);
    made->now = now;
    made->result.cleaned_end = bounds->cleaned_end;
    int rc = take_config(made, config);
    if (rc == 0)
        rc = take_producers(log, made);
    if (rc == 0 && is_dirty) {
        take_inputs(log, bounds, first, end, made);
        rc = compaction_open_transactions(made, log, first);
    }
    if (rc == 0 && is_dirty) {
        rc = open_buffers(made, buffer);
    }
    if (rc != 0) {
        drop_run(made);
        return error_set_status(error, rc, "%s: compaction", log->folder);
    }
    log->compacting = true;
    *run = made;
    return 0;
}

/* ---- step ---- */

static void forget_files(struct log *log, int64_t base_offset)
{
    char prefix[DISK_PATH_MAX];
    snprintf(prefix, sizeof prefix, "%s/%020" PRId64 ".", log->folder, base_offset);
    file_cache_forget(log->environment.files, prefix);
}

/* From here on the log has the new segment. Those who have old files go on with them; whose operation began before is
 * told by the count of swaps. */
static int swap_in(struct log *log, struct log_compaction *run)
{
    struct compaction_output *out = &run->output;
    uint32_t count = out->swap->count;
    uint32_t first = log_find_segment(log, out->swap->bases[0]);
    if (log->segment_count - first <= count)
        return FURROW_OUT_OF_RANGE;
    for (uint32_t i = 0; i < count; i++) {
        if (log->segments[first + i].base_offset != out->swap->bases[i])
            return FURROW_OUT_OF_RANGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        log->bytes -= log->segments[first + i].size;
        if (!log->abandoned)
            forget_files(log, out->swap->bases[i]);
    }
    log->bytes += out->position;
    log->swaps++;
    log->segments[first] = (struct segment){.base_offset = out->swap->bases[0],
                                            .largest_timestamp = out->head.largest.timestamp,
                                            .size = out->position,
                                            .verified_to = out->position,
                                            .aborted = out->aborted,
                                            .swap = log->swaps,
                                            .unsettled = true};
    memmove(&log->segments[first + 1], &log->segments[first + count],
            (log->segment_count - first - count) * sizeof *log->segments);
    log->segment_count -= count - 1;
    log_hints_forget(log);
    log->unsettled = out->swap;
    run->result.cleaned_end = out->end_offset > run->result.cleaned_end ? out->end_offset : run->result.cleaned_end;
    run->result.bytes_after += out->position;
    run->result.segments_after++;
    run->phase = PHASE_SETTLE;
    return 0;
}

/* Counts as a replacement: who began before it looks for .swap names first, and those may soon be the next one's. */
static void take_settled(struct log *log, struct log_compaction *run)
{
    struct segment *segment = &log->segments[log_find_segment(log, log->unsettled->bases[0])];
    if (segment->base_offset == log->unsettled->bases[0]) {
        segment->unsettled = false;
        segment->swap = ++log->swaps;
    }
    log_swap_free(run->memory, log->unsettled);
    log->unsettled = NULL;
    run->settled = false;
}

int log_compaction_step(struct log *log, struct log_compaction *run, struct error *error)
{
    if (run->settled)
        take_settled(log, run);
    if (run->status == 0 && run->phase == PHASE_READY)
        run->status = swap_in(log, run);
    if (run->status != 0) {
        if (error != NULL)
            *error = run->error;
        return error_wrap(error, run->status, "%s: compaction", log->folder);
    }
    return run->phase == PHASE_DONE ? 0 : 1;
}

/* ---- end ---- */

void log_compaction_end(struct log *log, struct log_compaction *run, struct compaction_result *result)
{
    if (run->settled)
        take_settled(log, run);
    bool is_whole = run->phase == PHASE_DONE && run->status == 0 && !run->cancelled && run->input_count > 0;
    if (is_whole)
        run->result.cleaned_end = run->inputs[run->input_count - 1].end_offset;
    run->result.bytes_read = run->stream.bytes_read;
    run->result.bytes_written = run->written;
    *result = run->result;
    log->compacting = false;
    drop_run(run);
}
