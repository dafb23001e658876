/* The work of a run, in parts.
 *
 *     START     what an earlier run has left goes; a replacement that it could not settle is settled
 *     SCAN      the dirty part is read, keys of the slice go into the table
 *     LOOK_UP   the clean part is read, its keys are looked up there
 *     PICK      the dirty part is read again, where the table only counts: the last ones of each key survive
 *     MARK      else the table's records survive; then the next slice from SCAN on, until the key space is covered
 *     MARKERS   where there are transactions: which of their markers stay
 *     COPY      survivors go into new segments; one that is complete waits in
 *     READY     for step, which puts it into the log; in
 *     SETTLE    its files get their names; then COPY goes on
 *     DONE
 *
 * How many slices there are follows from the keys alone (key_table.h): the first takes what the table holds, which
 * tells how dense the keys are; the others share what is left evenly. */
#include "compaction_private.h"

#include <stdio.h>

static void go_to_input(struct log_compaction *run, uint32_t input)
{
    run->input = input;
    run->ordinal = 0;
    compaction_aborted_rewind(run, run->inputs[input].base_offset);
}

static void go_to_scan(struct log_compaction *run)
{
    run->phase = PHASE_SCAN;
    go_to_input(run, run->dirty_first);
    run->result.slices++;
}

static int start_work(struct log_compaction *run)
{
    int rc = 0;
    if (run->old_swap != NULL) {
        rc = log_swap_settle(run->old_swap, run->disk, run->folder, &run->error);
        if (rc != 0)
            return rc;
        run->old_swap = NULL;
        run->settled = true;
    }
    if (run->input_count == 0) {
        run->phase = PHASE_DONE;
        return 1;
    }
    rc = log_swap_remove_strays(run->disk, run->folder, run->memory, &run->error);
    if (rc != 0)
        return rc;
    run->first_reading = true;
    key_table_begin_slice(&run->table, 0, UINT32_MAX);
    go_to_scan(run);
    return 1;
}

static void go_to_mark(struct log_compaction *run)
{
    run->phase = run->table.counts ? PHASE_PICK : PHASE_MARK;
    run->first_reading = false;
    run->block = 0;
    go_to_input(run, run->dirty_first);
}

static void go_from_scan(struct log_compaction *run)
{
    if (run->dirty_first == 0) {
        go_to_mark(run);
        return;
    }
    run->phase = PHASE_LOOK_UP;
    go_to_input(run, 0);
}

static void go_from_mark(struct log_compaction *run)
{
    if (run->table.high < UINT32_MAX) {
        uint32_t next = key_table_next_high(&run->table);
        key_table_begin_slice(&run->table, run->table.high + 1, next);
        go_to_scan(run);
        return;
    }
    key_table_close(&run->table); /* not needed for copying */
    run->phase = PHASE_MARKERS;
    go_to_input(run, 0);
}

/* 1: go on; 0: nothing more to do now. */
static int work(struct log_compaction *run)
{
    int rc;
    switch (run->phase) {
    case PHASE_START:
        return start_work(run);
    case PHASE_SCAN:
        if ((rc = compaction_scan(run)) == 0)
            go_from_scan(run);
        return rc < 0 ? rc : 1;
    case PHASE_LOOK_UP:
        if ((rc = compaction_scan(run)) == 0)
            go_to_mark(run);
        return rc < 0 ? rc : 1;
    case PHASE_PICK:
        if ((rc = compaction_scan(run)) == 0)
            go_from_mark(run);
        return rc < 0 ? rc : 1;
    case PHASE_MARK:
        if ((rc = compaction_mark(run)) == 0)
            go_from_mark(run);
        return rc < 0 ? rc : 1;
    case PHASE_MARKERS:
        if ((rc = compaction_plan_markers(run)) == 0) {
            run->phase = PHASE_COPY;
            go_to_input(run, 0);
            compaction_rewind_entries(run);
        }
        return rc < 0 ? rc : 1;
    case PHASE_COPY:
        if ((rc = compaction_copy(run)) == 0)
            run->phase = PHASE_DONE;
        return rc < 0 ? rc : 1;
    case PHASE_SETTLE:
        rc = log_swap_settle(run->output.swap, run->disk, run->folder, &run->error);
        if (rc != 0)
            return rc;
        run->output.swap = NULL; /* the log has it */
        run->settled = true;
        run->phase = PHASE_COPY;
        return 1;
    case PHASE_READY:
    case PHASE_DONE:
        break;
    }
    return 0;
}

static void close_files(struct log_compaction *run)
{
    compaction_close_input(run);
    compaction_output_drop(run, true);
    for (int part = 0; part < PARTS; part++)
        survivors_close(&run->survivors[part]);
}

static uint64_t bytes_done(const struct log_compaction *run)
{
    return run->stream.bytes_read + run->written;
}

void log_compaction_execute(struct log_compaction *run, uint64_t budget)
{
    uint64_t before = bytes_done(run);
    int rc = run->status < 0 ? run->status : 1;
    run->executed = true;
    while (rc == 1 && !run->settled && (bytes_done(run) - before < budget || run->phase == PHASE_SETTLE)) {
        if (run->cancelled && run->phase != PHASE_READY && run->phase != PHASE_SETTLE)
            run->phase = PHASE_DONE;
        rc = work(run);
    }
    run->last_bytes = bytes_done(run) - before;
    if (rc < 0)
        run->status = rc;
    if (rc < 0 || run->phase == PHASE_DONE)
        close_files(run);
}

uint64_t log_compaction_last_bytes(const struct log_compaction *run)
{
    return run->last_bytes;
}

void log_compaction_cancel(struct log_compaction *run)
{
    run->cancelled = true;
}
