/* Happy path. When a pass is due, every log is looked at that the pass has not looked at yet (struct partition's
 * scrubbed), the metadata log first; within a log, one segment behind the other. Each second a job gets a slice; when
 * little is left of a segment, the next one is begun in the same second. Behind the last log the next pass is due an
 * interval later.
 *
 * The wall clock says when, and is looked at once an hour: it may be wrong for a while, and a box may be switched off
 * every night.
 *
 * Failures. What cannot be remembered is looked at again. What cannot be read is told as damage. */
#include "scrub.h"

#include "checkpoint.h"
#include "container.h"
#include "log_scrub.h"
#include "metadata_log.h"
#include "server.h"

#include <errno.h>
#include <inttypes.h>

#define PROGRESS_FILE   "scrub-checkpoint"
#define DUE_NAME        "." /* of the entry that says when the next pass is due; no topic has that name */
#define TICK_MS         1000
#define FIRST_MS        60000 /* the start has enough to do */
#define LOOK_MS         3600000
#define SAVE_MS         600000
#define LEAST_A_TICK    ((uint64_t)1 << 20)
#define MOST_A_TICK     ((uint64_t)64 << 20)
#define BYTES_A_SEGMENT 4096 /* that beginning one counts as */

struct scrub {
    struct server *server;
    uv_timer_t timer;
    bool is_stopping;
    int64_t interval_ms; /* 0: never */
    int64_t due;         /* ms of the wall clock */

    /* The pass under way */
    uint32_t pass; /* its number; what was not looked at by it has another one */
    bool is_passing;
    bool has_metadata; /* the metadata log is done */
    uint64_t a_tick;   /* bytes */
    uint64_t left;     /* of this tick */
    uint64_t began;    /* ms of the loop's clock */
    uint64_t bytes;
    uint64_t found_before;

    /* The log that is looked at */
    struct log *log;             /* NULL: none */
    struct partition *partition; /* its topic is held; NULL: the metadata log */
    int64_t behind;              /* base offset of the last segment that is done */
    struct log_scrub *run;
    struct job job;
    int status; /* of the slice */
    bool is_busy;

    struct job save_job;
    bool is_saving;
    uint64_t saved_at; /* ms of the loop's clock */
    struct checkpoint_offset entries[2];
    size_t entry_count;
    char name[TOPIC_NAME_MAX + 1];

    uint64_t found;
    struct log_limit limit;
};

static void go_on(struct scrub *scrub);

/* ---- what is remembered ---- */

static void execute_save(struct job *job)
{
    struct scrub *scrub = CONTAINER_OF(job, struct scrub, save_job);
    struct error error;
    /* Nobody needs to know: without it a pass begins anew. */
    (void)!checkpoint_replace_offsets_file(scrub->server->disk, PROGRESS_FILE, scrub->entries, scrub->entry_count,
                                           &error);
}

static void on_saved(struct job *job)
{
    CONTAINER_OF(job, struct scrub, save_job)->is_saving = false;
}

static void save(struct scrub *scrub)
{
    if (scrub->is_saving)
        return;
    scrub->entries[0] = (struct checkpoint_offset){.topic = slice_of_text(DUE_NAME), .offset = scrub->due};
    scrub->entry_count = 1;
    if (scrub->partition != NULL) {
        snprintf(scrub->name, sizeof scrub->name, "%s", scrub->partition->topic->name);
        scrub->entries[scrub->entry_count++] = (struct checkpoint_offset){
            .topic = slice_of_text(scrub->name), .partition = scrub->partition->index, .offset = scrub->behind + 1};
    }
    scrub->is_saving = true;
    scrub->saved_at = uv_now(scrub->server->loop);
    scrub->save_job = (struct job){.execute = execute_save, .done = on_saved};
    jobs_submit(&scrub->server->jobs, &scrub->save_job, JOB_SCRUB);
}

/* Partitions before the one that is named are done: in this run's order, which is that of the last one as a rule. */
static void resume_behind(struct scrub *scrub, const struct checkpoint_offset *at)
{
    struct topics *topics = &scrub->server->topics;
    const struct topic *named = topics_find(topics, at->topic);
    struct partition *partition = named != NULL ? topic_partition(named, at->partition) : NULL;
    if (partition == NULL || partition->log == NULL)
        return;
    scrub->has_metadata = true;
    for (struct topic *topic = topics->by_name; topic != NULL; topic = topic->by_name.next) {
        for (int32_t i = 0; i < topic->partition_count && topic->partitions[i] != partition; i++)
            topic->partitions[i]->scrubbed = scrub->pass;
        if (topic == named)
            break;
    }
    scrub->partition = partition;
    scrub->log = partition->log;
    scrub->behind = at->offset - 1;
    topic_hold(partition->topic);
}

static int take_entry(void *context, const struct checkpoint_offset *entry)
{
    struct scrub *scrub = context;
    if (slice_equal(entry->topic, slice_of_text(DUE_NAME)))
        scrub->due = entry->offset;
    else if (scrub->log == NULL)
        resume_behind(scrub, entry);
    return 0;
}

static void load(struct scrub *scrub)
{
    struct server *server = scrub->server;
    uint8_t *bytes;
    size_t size;
    scrub->due = server_now(server) + scrub->interval_ms;
    if (disk_read_file(server->disk, PROGRESS_FILE, CHECKPOINT_MAX_BYTES, MEMORY_LOGS, &bytes, &size, NULL) != 0)
        return;
    (void)!checkpoint_parse_offsets(slice_of(bytes, size), take_entry, scrub, NULL);
    memory_free(server->memory, MEMORY_LOGS, bytes, size);
}

/* ---- a log ---- */

static void let_go(struct scrub *scrub)
{
    if (scrub->partition != NULL) {
        scrub->partition->scrubbed = scrub->pass;
        topic_release(&scrub->server->topics, scrub->partition->topic);
    } else if (scrub->log != NULL) {
        scrub->has_metadata = true;
    }
    scrub->partition = NULL;
    scrub->log = NULL;
    scrub->behind = -1;
}

static bool can_be_looked_at(const struct partition *partition)
{
    return partition->log != NULL && !log_is_offline(partition->log);
}

/* False when the pass is done. */
static bool choose_log(struct scrub *scrub)
{
    struct server *server = scrub->server;
    scrub->behind = -1;
    if (!scrub->has_metadata) {
        scrub->log = metadata_log_log(server->metadata);
        return true;
    }
    for (struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next) {
        for (int32_t i = 0; i < topic->partition_count; i++) {
            struct partition *partition = topic->partitions[i];
            if (partition->scrubbed == scrub->pass || !can_be_looked_at(partition))
                continue;
            scrub->partition = partition;
            scrub->log = partition->log;
            topic_hold(topic);
            return true;
        }
    }
    return false;
}

/* ---- a segment ---- */

static void report(struct scrub *scrub, const struct log_scrub_result *result)
{
    uint32_t told = result->found < LOG_SCRUB_FINDINGS ? result->found : LOG_SCRUB_FINDINGS;
    scrub->found += result->found;
    for (uint32_t i = 0; i < told; i++) {
        const struct log_scrub_finding *finding = &result->findings[i];
        log_line_limited(scrub->server->logger, &scrub->limit, LOG_ERROR, "scrub",
                         "partition=%s segment=%" PRId64 " offset=%" PRId64 " position=%" PRIu32 " bytes=%" PRIu32
                         " places=%" PRIu32 " damaged: %s",
                         log_folder(scrub->log), result->base_offset, finding->offset, finding->position,
                         finding->bytes, result->found, finding->words);
    }
}

static void end_run(struct scrub *scrub)
{
    struct log_scrub_result result;
    log_scrub_end(scrub->log, scrub->run, &result);
    scrub->run = NULL;
    scrub->bytes += result.bytes;
    scrub->behind = result.base_offset;
    report(scrub, &result);
}

static void execute_slice(struct job *job)
{
    struct scrub *scrub = CONTAINER_OF(job, struct scrub, job);
    scrub->status = log_scrub_execute(scrub->run, (uint32_t)scrub->left);
}

static void on_timer(uv_timer_t *timer)
{
    struct scrub *scrub = timer->data;
    scrub->left = scrub->a_tick;
    go_on(scrub);
}

static void on_slice_done(struct job *job)
{
    struct scrub *scrub = CONTAINER_OF(job, struct scrub, job);
    scrub->is_busy = false;
    uint64_t size = log_scrub_last_bytes(scrub->run);
    if (scrub->status != 1 || scrub->is_stopping)
        end_run(scrub);
    scrub->left = scrub->status != 1 && scrub->left > size + BYTES_A_SEGMENT ? scrub->left - size - BYTES_A_SEGMENT : 0;
    if (scrub->is_stopping)
        let_go(scrub);
    else if (scrub->left != 0)
        go_on(scrub);
    else
        uv_timer_start(&scrub->timer, on_timer, TICK_MS, 0);
}

/* False: the log has no more segments, or is no longer of interest. */
static bool begin_segment(struct scrub *scrub)
{
    bool has_gone = scrub->partition != NULL && scrub->partition->topic->is_deleted;
    if (has_gone || log_is_offline(scrub->log) || log_scrub_begin(scrub->log, scrub->behind, &scrub->run, NULL) != 0)
        return false;
    return scrub->run != NULL;
}

/* ---- a pass ---- */

static void wait_for_pass(struct scrub *scrub, uint64_t least_ms)
{
    int64_t left = scrub->due - server_now(scrub->server);
    uint64_t wait = left > 0 ? (uint64_t)left : 0;
    if (wait > LOOK_MS)
        wait = LOOK_MS;
    if (!scrub->is_stopping && scrub->interval_ms > 0)
        uv_timer_start(&scrub->timer, on_timer, wait > least_ms ? wait : least_ms, 0);
}

static void begin_pass(struct scrub *scrub)
{
    struct server *server = scrub->server;
    uint64_t total = log_bytes(metadata_log_log(server->metadata));
    for (struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next) {
        for (int32_t i = 0; i < topic->partition_count; i++)
            total += topic->partitions[i]->log != NULL ? log_bytes(topic->partitions[i]->log) : 0;
    }
    uint64_t half_s = (uint64_t)scrub->interval_ms / 2000 + 1;
    scrub->a_tick = total / half_s;
    scrub->a_tick = scrub->a_tick < LEAST_A_TICK ? LEAST_A_TICK : scrub->a_tick;
    scrub->a_tick = scrub->a_tick > MOST_A_TICK ? MOST_A_TICK : scrub->a_tick;
    scrub->is_passing = true;
    scrub->left = scrub->a_tick;
    scrub->began = scrub->saved_at = uv_now(server->loop);
    scrub->bytes = 0;
    scrub->found_before = scrub->found;
}

static void end_pass(struct scrub *scrub)
{
    struct server *server = scrub->server;
    log_info(server->logger, "scrub", "bytes=%" PRIu64 " seconds=%" PRIu64 " damaged=%" PRIu64 " looked through",
             scrub->bytes, (uv_now(server->loop) - scrub->began) / 1000, scrub->found - scrub->found_before);
    scrub->is_passing = false;
    scrub->has_metadata = false;
    scrub->pass++;
    scrub->due = server_now(server) + scrub->interval_ms;
    save(scrub);
    wait_for_pass(scrub, TICK_MS);
}

/* A clock that was far ahead has said a time that will not come. */
static bool is_due(const struct scrub *scrub)
{
    int64_t left = scrub->due - server_now(scrub->server);
    return left <= 0 || left > scrub->interval_ms;
}

static void go_on(struct scrub *scrub)
{
    if (scrub->is_stopping || scrub->is_busy)
        return;
    if (!scrub->is_passing && !is_due(scrub)) {
        if (scrub->saved_at == 0) /* or a box that is switched off every night would never come to it */
            save(scrub);
        wait_for_pass(scrub, TICK_MS);
        return;
    }
    if (!scrub->is_passing)
        begin_pass(scrub);
    while (scrub->run == NULL) {
        if (scrub->log == NULL && !choose_log(scrub)) {
            end_pass(scrub);
            return;
        }
        if (!begin_segment(scrub))
            let_go(scrub);
    }
    scrub->is_busy = true;
    scrub->job = (struct job){.execute = execute_slice, .done = on_slice_done};
    jobs_submit(&scrub->server->jobs, &scrub->job, JOB_SCRUB);
    if (uv_now(scrub->server->loop) - scrub->saved_at >= SAVE_MS)
        save(scrub);
}

/* ---- its life ---- */

int scrub_create(struct server *server, struct scrub **created)
{
    struct scrub *scrub = memory_alloc_zeroed(server->memory, MEMORY_LOGS, sizeof *scrub);
    if (scrub == NULL)
        return -ENOMEM;
    double hours = config_decimal(server->config, CONFIG_SCRUB_INTERVAL_HOURS);
    scrub->server = server;
    scrub->interval_ms = (int64_t)(hours * 3600000);
    scrub->pass = 1;
    scrub->behind = -1;
    uv_timer_init(server->loop, &scrub->timer);
    scrub->timer.data = scrub;
    if (scrub->interval_ms > 0) {
        load(scrub);
        wait_for_pass(scrub, scrub->interval_ms < FIRST_MS ? (uint64_t)scrub->interval_ms : FIRST_MS);
    }
    *created = scrub;
    return 0;
}

static void free_scrub(uv_handle_t *handle)
{
    struct scrub *scrub = handle->data;
    memory_free(scrub->server->memory, MEMORY_LOGS, scrub, sizeof *scrub);
}

void scrub_destroy(struct scrub *scrub)
{
    scrub_stop(scrub);
    uv_close((uv_handle_t *)&scrub->timer, free_scrub);
}

void scrub_stop(struct scrub *scrub)
{
    if (!scrub->is_stopping && scrub->is_passing)
        save(scrub);
    scrub->is_stopping = true;
    uv_timer_stop(&scrub->timer);
    if (scrub->is_busy)
        return;
    if (scrub->run != NULL)
        end_run(scrub);
    let_go(scrub);
}

bool scrub_idle(const struct scrub *scrub)
{
    return !scrub->is_busy && !scrub->is_saving;
}

uint64_t scrub_found(const struct scrub *scrub)
{
    return scrub->found;
}
