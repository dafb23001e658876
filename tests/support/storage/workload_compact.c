/* Compacting, a step at a time. */
#include "workload_private.h"

#include <inttypes.h>

static bool begin_run(struct workload_partition *p)
{
    struct workload *w = p->w;
    struct flying_compaction *flying = &p->compaction;
    struct compaction_bounds bounds = {.cleaned_end = p->cleaned_end, .recovery_point = p->saved_point};
    struct compaction_look look;
    for (size_t i = 0; i < COMPACTION_SECRET_SIZE; i++)
        p->cleaning.secret[i] = (uint8_t)below(w, 256);
    log_compaction_look(p->log, &p->cleaning, &bounds, w->now, &look);
    int rc = log_compaction_begin(p->log, &p->cleaning, &bounds, w->now, 65536, &flying->run, &w->error);
    flying->executed = false;
    flying->cancelled = false;
    flying->end = look.first_uncleanable;
    if (rc == FURROW_OFFLINE || (rc == 0 && flying->run == NULL))
        return true;
    if (rc != 0)
        return model_fail(&p->model, "a compaction begins with status %d", rc);
    if (flying->end > p->saved_point && flying->end > log_start_offset(p->log))
        return model_fail(&p->model, "would compact to %" PRId64 ", recovery may begin at %" PRId64, flying->end,
                          p->saved_point);
    model_note_compaction(&p->model, flying->end, w->now, p->cleaning.delete_retention_ms);
    w->counts->compactions++;
    return true;
}

/* What it was to drop is gone. */
static bool check_result(struct workload_partition *p, const struct compaction_result *result)
{
    uint8_t *bytes;
    size_t size;
    p->w->counts->records_compacted += result->records_before - result->records_after;
    p->w->counts->finished_compactions++;
    if (result->cleaned_end != p->model.cleaned_to || result->segments_left > 0 || p->model.is_damaged)
        return true;
    workload_disarm(p->w);
    int rc = workload_read_all(p, &bytes, &size);
    bool right = rc != 0 || !workload_is_whole(p) ||
                 model_check_compacted(&p->model, result->cleaned_end, slice_of(bytes, size));
    memory_free(&p->w->memory, MEMORY_REQUESTS, bytes, size);
    return right;
}

static bool end_run(struct workload_partition *p, bool is_done)
{
    struct flying_compaction *flying = &p->compaction;
    struct compaction_result result;
    bool was_cancelled = flying->cancelled;
    log_compaction_end(p->log, flying->run, &result);
    flying->run = NULL;
    if (result.cleaned_end < p->cleaned_end)
        return model_fail(&p->model, "the cleaned end goes back from %" PRId64 " to %" PRId64, p->cleaned_end,
                          result.cleaned_end);
    if (result.cleaned_end > p->cleaned_end && result.cleaned_end > flying->end)
        return model_fail(&p->model, "compacted to %" PRId64 ", which was to end at %" PRId64, result.cleaned_end,
                          flying->end);
    p->cleaned_end = result.cleaned_end;
    return !is_done || was_cancelled || check_result(p, &result);
}

bool workload_step_compaction(struct workload_partition *p)
{
    struct flying_compaction *flying = &p->compaction;
    if (flying->run == NULL)
        return begin_run(p);
    if (chance(p->w, 1))
        return end_run(p, false);
    if (chance(p->w, 1)) {
        log_compaction_cancel(flying->run);
        flying->cancelled = true;
    }
    if (!flying->executed) {
        workload_execute_compaction(p);
        return true;
    }
    flying->executed = false;
    int rc = log_compaction_step(p->log, flying->run, &p->w->error);
    if (rc == 1)
        return true;
    if (rc < 0 && !workload_is_disk_failure(rc))
        return model_fail(&p->model, "a compaction fails with status %d: %s", rc, p->w->error.message);
    return end_run(p, rc == 0);
}

void workload_drop_compaction(struct workload_partition *p)
{
    struct compaction_result result;
    if (p->compaction.run != NULL)
        log_compaction_end(p->log, p->compaction.run, &result);
    p->compaction.run = NULL;
}
