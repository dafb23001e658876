/* Forgetting, a step at a time: the start moves, by itself or as retention wants it; files go once that is saved. */
#include "workload_private.h"

#include <inttypes.h>

bool workload_set_start(struct workload_partition *p, int64_t offset)
{
    struct model *m = &p->model;
    if (log_set_start_offset(p->log, offset, NULL) != 0)
        return model_fail(m, "the start cannot be set to %" PRId64, offset);
    m->start = offset;
    return true;
}

/* DeleteRecords. */
bool workload_delete_records(struct workload_partition *p)
{
    const struct model *m = &p->model;
    uint64_t there = (uint64_t)(m->end - m->start);
    return workload_set_start(p, m->start + (int64_t)below(p->w, there / (chance(p->w, 10) ? 1 : 4) + 1));
}

static void read_clock(struct workload *w)
{
    struct clock_reading now = {.wall = w->now, .monotonic = w->now, .synchronised = true};
    int64_t jump;
    if (w->time.count == 0)
        proven_time_init(&w->time, &now);
    (void)proven_time_note(&w->time, &now, &jump);
}

/* Whole segments, none of them newer than one that stays; the limit is kept as far as closed segments allow. */
bool workload_retain(struct workload_partition *p)
{
    struct workload *w = p->w;
    struct retention_limits limits = {.ms = -1, .bytes = -1, .records = -1};
    if (chance(w, 40))
        limits.ms = (int64_t)below(w, 3000);
    if (chance(w, 40))
        limits.bytes = (int64_t)below(w, 60000);
    if (chance(w, 40))
        limits.records = (int64_t)below(w, 200);
    read_clock(w);
    struct retention_verdict verdict = retention_decide(p->log, &limits, &w->time);
    if (verdict.start < p->model.start || verdict.start > p->model.end)
        return model_fail(&p->model, "retention wants to start at %" PRId64 " of %" PRId64 "..%" PRId64, verdict.start,
                          p->model.start, p->model.end);
    if (limits.records >= 0 && verdict.start < p->model.end - limits.records)
        return model_fail(&p->model, "retention leaves %" PRId64 " records, not %" PRId64, p->model.end - verdict.start,
                          limits.records);
    p->wants_roll |= verdict.wants_roll;
    return workload_set_start(p, verdict.start);
}

bool workload_step_timestamps(struct workload_partition *p)
{
    struct flying_timestamps *flying = &p->timestamps;
    if (flying->job == NULL) {
        int rc = log_timestamps_begin(p->log, &flying->job, &p->w->error);
        flying->executed = false;
        return rc == 0 || model_fail(&p->model, "learning timestamps begins with status %d", rc);
    }
    if (!flying->executed) {
        workload_execute_timestamps(p);
        return true;
    }
    int rc = log_timestamps_end(p->log, flying->job, &p->w->error);
    flying->job = NULL;
    return rc == 0 || workload_is_disk_failure(rc) ||
           model_fail(&p->model, "learning timestamps ends with status %d", rc);
}

static bool begin_trim(struct workload_partition *p)
{
    uint64_t before = log_bytes(p->log);
    struct flying_trim *flying = &p->trim;
    int rc = log_trim_begin(p->log, &flying->trim, &p->w->error);
    flying->stage = TRIM_BEGUN;
    if (rc != 0)
        return model_fail(&p->model, "a trim begins with status %d", rc);
    if (flying->trim == NULL)
        return true;
    p->w->counts->trimmed += log_trim_segments(flying->trim);
    return before - log_bytes(p->log) == log_trim_bytes(flying->trim) ||
           model_fail(&p->model, "a trim takes %" PRIu64 " bytes, the log has %" PRIu64 " less",
                      log_trim_bytes(flying->trim), before - log_bytes(p->log));
}

bool workload_step_trim(struct workload_partition *p)
{
    struct flying_trim *flying = &p->trim;
    if (flying->trim == NULL)
        return begin_trim(p);
    if (flying->stage == TRIM_REMOVED || chance(p->w, 5)) {
        log_trim_end(p->log, flying->trim);
        flying->trim = NULL;
        return true;
    }
    workload_execute_trim(p);
    return true;
}
