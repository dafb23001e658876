/* Happy path. A round looks at all logs (cleaner_choose.h). For the one that is chosen the checkpoints are written, for
 * nothing past the durable recovery point may be compacted; then a run is begun, and its slices are executed in the
 * pool, one after the other, with rests between them (cleaner_pace.h). When it has ended, its cleaned end is written
 * with the checkpoints, and the next round follows. When nothing is due, the cleaner rests for log.cleaner.backoff.ms,
 * or, when no topic is compacted at all, until recovery points move.
 *
 * What timestamps decide is not always known: then a pool job learns some of them, and the round is done again.
 *
 * Failures. A log whose compaction fails is said in the server's log and left alone for a while. It is never taken
 * offline: what was there before is there.
 *
 * Ending early. A stop, a deletion and a change of the configuration cancel the run behind its present slice. */
#include "cleaner.h"

#include "checkpoints.h"
#include "cleaner_choose.h"
#include "cleaner_pace.h"
#include "container.h"
#include "log_retention.h"
#include "server.h"

#include <errno.h>
#include <inttypes.h>

#define RETRY_MS ((uint64_t)5 * 60 * 1000) /* after a failure */

struct cleaner {
    struct server *server;
    uv_timer_t timer; /* the rest between rounds, or between slices */
    bool is_stopped;
    bool is_running; /* from the choice of a log until its checkpoint is written */

    /* The log that was chosen; its topic is held. */
    struct cleaner_target target;
    struct log_timestamps *timestamps; /* while they are learned */
    struct log_compaction *run;
    struct cleaner_pace pace;
    struct job job;
    uint64_t budget;  /* of the slice under way, bytes */
    uint64_t took_ns; /* by it */
    struct checkpoint_request checkpoint;
    bool is_cancelled;
    bool forgets; /* its configuration has changed: what the run has achieved does not count */
    uint64_t started_ns;
    struct cleaner_wait *waiting; /* for its end */

    struct log_limit failures;
};

static void begin_round(struct cleaner *cleaner);

/* ---- rests ---- */

static void on_round_timer(uv_timer_t *timer)
{
    begin_round(timer->data);
}

static void rest(struct cleaner *cleaner)
{
    uint64_t backoff_ms = (uint64_t)config_number(cleaner->server->config, CONFIG_LOG_CLEANER_BACKOFF_MS);
    if (!cleaner->is_stopped && config_flag(cleaner->server->config, CONFIG_LOG_CLEANER_ENABLE))
        uv_timer_start(&cleaner->timer, on_round_timer, backoff_ms, 0);
}

void cleaner_wake(struct cleaner *cleaner)
{
    if (cleaner != NULL && !cleaner->is_running && !uv_is_active((uv_handle_t *)&cleaner->timer))
        rest(cleaner);
}

/* ---- the end of a log's turn ---- */

static void end_turn(struct cleaner *cleaner)
{
    struct cleaner_wait *waiting = cleaner->waiting;
    if (cleaner->target.partition != NULL)
        topic_release(&cleaner->server->topics, cleaner->target.partition->topic);
    cleaner->target = (struct cleaner_target){.log = NULL};
    cleaner->waiting = NULL;
    cleaner->is_running = false;
    for (struct cleaner_wait *wait = waiting, *next; wait != NULL; wait = next) {
        next = wait->next;
        wait->done(wait);
    }
}

static void put_off(struct cleaner *cleaner, const struct error *error)
{
    struct server *server = cleaner->server;
    cleaner->target.state->retry_at = uv_now(server->loop) + RETRY_MS;
    log_line_limited(server->logger, &cleaner->failures, LOG_ERROR, "cleaner",
                     "partition=%s retry_ms=%" PRIu64 " not compacted: %s", log_folder(cleaner->target.log), RETRY_MS,
                     error->message);
}

static void on_end_saved(struct checkpoint_request *request, int status)
{
    (void)status; /* was told; without it more is compacted than need be */
    struct cleaner *cleaner = CONTAINER_OF(request, struct cleaner, checkpoint);
    end_turn(cleaner);
    begin_round(cleaner);
}

static void report(const struct cleaner *cleaner, const struct compaction_result *result)
{
    struct logger *logger = cleaner->server->logger;
    const char *folder = log_folder(cleaner->target.log);
    double seconds = (double)(uv_hrtime() - cleaner->started_ns) / 1e9;
    log_info(logger, "cleaner",
             "partition=%s cleaned_end=%" PRId64 " bytes_before=%" PRIu64 " bytes_after=%" PRIu64
             " records_before=%" PRIu64 " records_after=%" PRIu64 " segments_before=%u segments_after=%u slices=%u "
             "seconds=%.3f compacted",
             folder, result->cleaned_end, result->bytes_before, result->bytes_after, result->records_before,
             result->records_after, result->segments_before, result->segments_after, result->slices, seconds);
    if (result->segments_left != 0)
        log_warn(logger, "cleaner", "partition=%s segments=%u are damaged and were left as they are", folder,
                 result->segments_left);
}

static void end_run(struct cleaner *cleaner, int status, const struct error *error)
{
    struct cleaner_target *target = &cleaner->target;
    struct compaction_result result;
    log_compaction_end(target->log, cleaner->run, &result);
    cleaner->run = NULL;
    bool has_gone = target->partition != NULL && target->partition->topic->is_deleted;
    if (has_gone || cleaner->is_cancelled)
        log_debug(cleaner->server->logger, "cleaner", "partition=%s compaction ended early", log_folder(target->log));
    else if (status != 0)
        put_off(cleaner, error);
    else
        report(cleaner, &result);
    if (!cleaner->forgets && result.cleaned_end > target->state->cleaned_end) {
        target->state->cleaned_end = result.cleaned_end;
        cleaner->server->topics.clean_changes++;
    }
    cleaner->checkpoint = (struct checkpoint_request){.done = on_end_saved, .is_lax = true};
    checkpoints_write(cleaner->server->checkpoints, &cleaner->checkpoint);
}

/* ---- slices ---- */

static void execute_slice(struct job *job)
{
    struct cleaner *cleaner = CONTAINER_OF(job, struct cleaner, job);
    uint64_t began_ns = uv_hrtime();
    log_compaction_execute(cleaner->run, cleaner->budget);
    cleaner->took_ns = uv_hrtime() - began_ns;
}

static void on_slice_done(struct job *job);

static void submit_slice(struct cleaner *cleaner)
{
    cleaner->budget = cleaner_pace_begin(&cleaner->pace, cleaner->server->requests_started, uv_hrtime());
    cleaner->job = (struct job){.execute = execute_slice, .done = on_slice_done};
    jobs_submit(&cleaner->server->jobs, &cleaner->job, JOB_COMPACTION);
}

static void on_slice_timer(uv_timer_t *timer)
{
    submit_slice(timer->data);
}

static void on_slice_done(struct job *job)
{
    struct cleaner *cleaner = CONTAINER_OF(job, struct cleaner, job);
    struct error error = {0};
    uint64_t bytes = log_compaction_last_bytes(cleaner->run);
    if (cleaner->is_cancelled)
        log_compaction_cancel(cleaner->run);
    int rc = log_compaction_step(cleaner->target.log, cleaner->run, &error);
    if (rc != 1 || cleaner->is_stopped) {
        end_run(cleaner, rc == 1 ? 0 : rc, &error);
        return;
    }
    uint64_t rest_ms =
        cleaner_pace_end(&cleaner->pace, cleaner->server->requests_started, uv_hrtime(), cleaner->took_ns, bytes);
    if (rest_ms == 0 || cleaner->is_cancelled)
        submit_slice(cleaner);
    else
        uv_timer_start(&cleaner->timer, on_slice_timer, rest_ms, 0);
}

/* Ends the run soon; what is resting goes on for that. */
static void cancel(struct cleaner *cleaner)
{
    cleaner->is_cancelled = true;
    if (cleaner->run != NULL && uv_is_active((uv_handle_t *)&cleaner->timer)) {
        uv_timer_stop(&cleaner->timer);
        submit_slice(cleaner);
    }
}

/* ---- timestamps ---- */

static void learn_timestamps(struct job *job)
{
    log_timestamps_execute(CONTAINER_OF(job, struct cleaner, job)->timestamps);
}

static void on_timestamps_learned(struct job *job)
{
    struct cleaner *cleaner = CONTAINER_OF(job, struct cleaner, job);
    struct error error = {0};
    if (log_timestamps_end(cleaner->target.log, cleaner->timestamps, &error) != 0)
        put_off(cleaner, &error);
    cleaner->timestamps = NULL;
    end_turn(cleaner);
    begin_round(cleaner);
}

static void begin_timestamps(struct cleaner *cleaner)
{
    struct error error = {0};
    if (log_timestamps_begin(cleaner->target.log, &cleaner->timestamps, &error) != 0)
        put_off(cleaner, &error);
    if (cleaner->timestamps == NULL) {
        end_turn(cleaner);
        rest(cleaner);
        return;
    }
    cleaner->job = (struct job){.execute = learn_timestamps, .done = on_timestamps_learned};
    jobs_submit(&cleaner->server->jobs, &cleaner->job, JOB_COMPACTION);
}

/* ---- a round ---- */

static void begin_run(struct cleaner *cleaner)
{
    struct server *server = cleaner->server;
    struct cleaner_target *target = &cleaner->target;
    struct error error = {0};
    size_t buffer = (size_t)config_number(server->config, CONFIG_LOG_CLEANER_DEDUPE_BUFFER_SIZE);
    int64_t now = server_now(server);
    struct compaction_config config = cleaner_config(server, target->partition, now);
    server_random(server, config.secret, sizeof config.secret);
    int rc = log_compaction_begin(target->log, &config, &target->bounds, now, buffer, &cleaner->run, &error);
    if (rc != 0)
        put_off(cleaner, &error);
    if (rc != 0 || cleaner->run == NULL) {
        end_turn(cleaner);
        rest(cleaner);
        return;
    }
    cleaner->started_ns = uv_hrtime();
    cleaner->pace = (struct cleaner_pace){
        .requests = server->requests_started,
        .bytes_per_second = config_decimal(server->config, CONFIG_LOG_CLEANER_IO_MAX_BYTES_PER_SECOND),
    };
    submit_slice(cleaner);
}

static void on_points_saved(struct checkpoint_request *request, int status)
{
    struct cleaner *cleaner = CONTAINER_OF(request, struct cleaner, checkpoint);
    if (status == 0 && !cleaner->is_cancelled && !cleaner->is_stopped) {
        begin_run(cleaner);
        return;
    }
    end_turn(cleaner);
    rest(cleaner);
}

static void begin_turn(struct cleaner *cleaner, const struct cleaner_target *target)
{
    cleaner->is_running = true;
    cleaner->is_cancelled = false;
    cleaner->forgets = false;
    cleaner->target = *target;
    if (target->partition != NULL)
        topic_hold(target->partition->topic);
}

static void begin_round(struct cleaner *cleaner)
{
    struct server *server = cleaner->server;
    struct cleaner_choice choice;
    if (cleaner->is_stopped)
        return;
    cleaner_choose(server, &choice);
    if (choice.target.log != NULL) {
        begin_turn(cleaner, &choice.target);
        cleaner->checkpoint = (struct checkpoint_request){.done = on_points_saved};
        checkpoints_write(server->checkpoints, &cleaner->checkpoint);
    } else if (choice.undated.log != NULL) {
        begin_turn(cleaner, &choice.undated);
        begin_timestamps(cleaner);
    } else if (choice.any_compacted) {
        rest(cleaner);
    }
}

/* ---- what others say ---- */

static bool is_busy_with(const struct cleaner *cleaner, const struct topic *topic)
{
    return cleaner->is_running && cleaner->target.partition != NULL && cleaner->target.partition->topic == topic;
}

bool cleaner_let_go(struct cleaner *cleaner, const struct topic *topic, struct cleaner_wait *wait)
{
    if (cleaner == NULL || !is_busy_with(cleaner, topic))
        return false;
    wait->next = cleaner->waiting;
    cleaner->waiting = wait;
    cancel(cleaner);
    return true;
}

static bool has_same_key(const struct server *server, const struct topic_config *a, const struct topic_config *b)
{
    struct topic_compaction_key one = topic_config_compaction_key(a, server->config);
    struct topic_compaction_key other = topic_config_compaction_key(b, server->config);
    return one.kind == other.kind && one.prefix == other.prefix && slice_equal(one.header, other.header);
}

void cleaner_note_config(struct cleaner *cleaner, struct topic *topic, const struct topic_config *before)
{
    if (cleaner == NULL)
        return;
    const struct topic_config *now = &topic->config;
    bool is_other = !has_same_key(cleaner->server, now, before) || now->compaction_keep != before->compaction_keep;
    bool is_compacted = (now->cleanup_policy & CLEANUP_COMPACT) != 0;
    for (int32_t i = 0; is_other && i < topic->partition_count; i++)
        topic->partitions[i]->clean.cleaned_end = 0;
    cleaner->server->topics.clean_changes += is_other;
    if (is_busy_with(cleaner, topic) && (is_other || !is_compacted)) {
        cleaner->forgets |= is_other;
        cancel(cleaner);
    }
    if (is_compacted)
        cleaner_wake(cleaner);
}

/* ---- its life ---- */

int cleaner_create(struct server *server, struct cleaner **created)
{
    struct cleaner *cleaner = memory_alloc_zeroed(server->memory, MEMORY_LOGS, sizeof *cleaner);
    if (cleaner == NULL)
        return -ENOMEM;
    cleaner->server = server;
    uv_timer_init(server->loop, &cleaner->timer);
    cleaner->timer.data = cleaner;
    *created = cleaner;
    return 0;
}

static void free_cleaner(uv_handle_t *handle)
{
    struct cleaner *cleaner = handle->data;
    memory_free(cleaner->server->memory, MEMORY_LOGS, cleaner, sizeof *cleaner);
}

void cleaner_destroy(struct cleaner *cleaner)
{
    uv_close((uv_handle_t *)&cleaner->timer, free_cleaner);
}

void cleaner_stop(struct cleaner *cleaner)
{
    cleaner->is_stopped = true;
    cleaner->is_cancelled = true;
    bool is_resting = uv_is_active((uv_handle_t *)&cleaner->timer);
    uv_timer_stop(&cleaner->timer);
    if (cleaner->run != NULL && is_resting)
        end_run(cleaner, 0, NULL);
}

bool cleaner_idle(const struct cleaner *cleaner)
{
    return !cleaner->is_running;
}
