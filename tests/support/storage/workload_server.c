/* Starting, stopping and crashing: the data folder and all logs in it, as the broker does it. */
#include "workload_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FAILURES_ON_THE_WAY 5
#define TRIES               60

static struct uuid topic_id(const struct workload_partition *p)
{
    struct uuid id = {{7}};
    id.bytes[15] = (uint8_t)(p - p->w->partitions + 1);
    return id;
}

/* ---- one log ---- */

static int open_log(struct workload_partition *p, bool is_new)
{
    struct workload *w = p->w;
    slice topic = slice_of_text(p->topic);
    struct log_recovery recovery;
    int64_t recovery_point = data_folder_recovery_point(w->folder, topic, 0);
    int64_t log_start = data_folder_log_start(w->folder, topic, 0);
    int64_t cleaned_end = data_folder_cleaned_end(w->folder, topic, 0);
    if (recovery_point < cleaned_end)
        recovery_point = cleaned_end;
    p->saved_point = recovery_point > 0 && !is_new ? recovery_point : 0;
    p->cleaned_end = cleaned_end > 0 && !is_new ? cleaned_end : 0;
    struct log_opening opening = {.clean = is_new || w->start.clean,
                                  .recovery_point = p->saved_point,
                                  .log_start = log_start > 0 && !is_new ? log_start : 0,
                                  .leader_epoch = w->start.leader_epoch,
                                  .now = w->now};
    int rc = log_open(&w->environment, p->folder, &p->config, &opening, &p->log, &recovery, &w->error);
    if (rc != 0) {
        p->log = NULL;
        return rc;
    }
    w->counts->bytes_cut += recovery.bytes_cut;
    w->counts->segments_cut += recovery.segments_cut;
    if (opening.clean && !p->model.is_damaged &&
        recovery.bytes_scanned + recovery.bytes_cut + recovery.segments_cut != 0)
        model_fail(&p->model, "a clean start has scanned or cut: %s", recovery.reason);
    if (log_leader_epoch(p->log) > w->start.leader_epoch)
        return data_folder_raise_leader_epoch(w->disk, w->folder, log_leader_epoch(p->log), &w->error);
    return 0;
}

static int make_log(struct workload_partition *p)
{
    int rc = log_create_files(p->w->disk, p->folder, topic_id(p), &p->w->error);
    p->is_made |= rc == 0;
    return rc == 0 ? open_log(p, true) : rc;
}

static int remove_folders(struct workload_partition *p)
{
    char renamed[DISK_PATH_MAX + 16];
    snprintf(renamed, sizeof renamed, "%s.x-delete", p->folder);
    int rc = disk_remove_tree(p->w->disk, p->folder, &p->w->error);
    return rc == 0 ? log_delete_files(p->w->disk, renamed, &p->w->error) : rc;
}

/* As the broker: a folder without metadata is one whose making was cut short. */
static int open_partition(struct workload_partition *p)
{
    struct uuid id;
    if (!p->exists)
        return remove_folders(p);
    int rc = log_read_topic_id(p->w->disk, p->folder, &id, &p->w->error);
    bool is_missing = rc == -ENOENT || (rc == 0 && !p->is_made);
    return is_missing ? make_log(p) : rc == 0 ? open_log(p, false) : rc;
}

/* ---- all of it ---- */

void workload_shut(struct workload *w)
{
    for (uint32_t i = 0; i < w->partition_count; i++) {
        struct workload_partition *p = &w->partitions[i];
        if (p->log == NULL)
            continue;
        workload_drop(p);
        log_close(p->log);
        p->log = NULL;
    }
    if (w->files != NULL)
        file_cache_close(w->files);
    w->files = NULL;
    if (w->folder != NULL)
        data_folder_close(w->folder);
    w->folder = NULL;
}

static int open_all(struct workload *w)
{
    uint8_t random[32];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)below(w, 256);
    int rc = data_folder_open(w->disk, 1, random, &w->folder, &w->start, &w->error);
    if (rc != 0) {
        w->folder = NULL;
        return rc;
    }
    rc = file_cache_create(w->disk, 4 + (uint32_t)below(w, 60), &w->files);
    if (rc != 0)
        return rc;
    w->environment.files = w->files;
    for (uint32_t i = 0; i < w->partition_count && rc == 0; i++)
        rc = open_partition(&w->partitions[i]);
    data_folder_drop_offsets(w->folder);
    return rc;
}

/* was_clean: nothing may have been cut at the first try. */
static bool start(struct workload *w, bool *was_cut)
{
    for (int i = 0; i < TRIES; i++) {
        if (i < FAILURES_ON_THE_WAY)
            workload_arm(w);
        int rc = open_all(w);
        if (rc == 0 && !simulated_disk_is_stopped(w->disk)) {
            workload_disarm(w);
            return true;
        }
        workload_shut(w);
        if (simulated_disk_is_stopped(w->disk)) {
            simulated_disk_power_cut(w->disk, random_next(&w->random));
            w->counts->power_cuts++;
            *was_cut = true;
        }
        workload_disarm(w);
    }
    return workload_fail(w, "it does not start: %s", w->error.message);
}

bool workload_start(struct workload *w)
{
    bool was_cut = false;
    return start(w, &was_cut);
}

static bool check_recovered(struct workload_partition *p, bool all_written)
{
    uint8_t *bytes;
    size_t size;
    int rc = workload_read_all(p, &bytes, &size);
    if (rc != 0)
        return model_fail(&p->model, "reading all after a crash: status %d", rc);
    bool right = model_check_recovered(&p->model, p->log, slice_of(bytes, size), all_written && !p->lost);
    memory_free(&p->w->memory, MEMORY_REQUESTS, bytes, size);
    p->lost = false;
    return right;
}

static bool check_all(struct workload *w, bool all_written)
{
    for (uint32_t i = 0; i < w->partition_count; i++) {
        struct workload_partition *p = &w->partitions[i];
        if (!p->exists)
            continue;
        bool right = p->model.message[0] == '\0' && check_recovered(p, all_written);
        workload_reset_producers(p);
        if (!right || !model_check_state(&p->model, p->log))
            return partition_fail(p);
    }
    return true;
}

static bool rots_now(struct workload *w, struct workload_damage *damage)
{
    return w->rots && chance(w, 10) && !simulated_disk_is_stopped(w->disk) &&
           workload_plan_damage(&w->partitions[below(w, w->partition_count)], damage);
}

bool workload_crash(struct workload *w, bool cut_power)
{
    struct workload_damage damage;
    workload_disarm(w);
    bool was_cut = cut_power || simulated_disk_is_stopped(w->disk);
    bool rots = rots_now(w, &damage);
    workload_shut(w);
    simulated_disk_set_space(w->disk, UINT64_MAX);
    if (was_cut) {
        simulated_disk_power_cut(w->disk, random_next(&w->random));
        w->counts->power_cuts++;
    }
    if (rots)
        workload_do_damage(&damage);
    w->counts->crashes++;
    return start(w, &was_cut) && check_all(w, !was_cut);
}

/* ---- checkpoints ---- */

/* What is durable is known only when all of it succeeds; otherwise the old files stand, or the new ones. */
bool workload_save_points(struct workload *w, bool durable)
{
    struct checkpoint_offset points[MAX_PARTITIONS], starts[MAX_PARTITIONS], cleaned[MAX_PARTITIONS];
    size_t point_count = 0, start_count = 0, cleaned_count = 0;
    for (uint32_t i = 0; i < w->partition_count; i++) {
        struct workload_partition *p = &w->partitions[i];
        if (!p->exists)
            continue;
        slice topic = slice_of_text(p->topic);
        points[point_count++] = (struct checkpoint_offset){.topic = topic, .offset = log_synced_end_offset(p->log)};
        if (log_start_offset(p->log) > 0)
            starts[start_count++] = (struct checkpoint_offset){.topic = topic, .offset = log_start_offset(p->log)};
        if (p->cleaned_end > 0)
            cleaned[cleaned_count++] = (struct checkpoint_offset){.topic = topic, .offset = p->cleaned_end};
    }
    int rc = data_folder_write_recovery_points(w->disk, points, point_count, &w->error);
    if (rc == 0)
        rc = data_folder_write_log_starts(w->disk, starts, start_count, &w->error);
    if (rc == 0)
        rc = data_folder_write_cleaned_ends(w->disk, cleaned, cleaned_count, &w->error);
    if (rc == 0 && durable)
        rc = data_folder_sync_names(w->disk, &w->error);
    if (rc != 0 || !durable)
        return rc == 0;
    for (uint32_t i = 0; i < w->partition_count; i++) {
        struct workload_partition *p = &w->partitions[i];
        if (!p->exists)
            continue;
        p->saved_point = log_synced_end_offset(p->log);
        p->model.saved_start = log_start_offset(p->log);
        log_note_start_saved(p->log, p->model.saved_start);
    }
    w->stale = false;
    return true;
}

static int flush_all(struct workload *w)
{
    int rc = 0;
    for (uint32_t i = 0; i < w->partition_count && rc == 0; i++) {
        struct workload_partition *p = &w->partitions[i];
        if (!p->exists)
            continue;
        rc = log_flush_for_stop(p->log, w->now, &w->error);
        p->lost |= log_is_offline(p->log);
        if (rc == 0)
            p->model.durable_end = p->model.end;
    }
    return rc;
}

/* Kafka's order: the mark comes last. */
static bool stop(struct workload *w)
{
    return flush_all(w) == 0 && workload_save_points(w, true) && data_folder_mark_clean(w->disk, &w->error) == 0 &&
           !simulated_disk_is_stopped(w->disk);
}

static bool check_clean(struct workload *w)
{
    for (uint32_t i = 0; i < w->partition_count; i++) {
        struct workload_partition *p = &w->partitions[i];
        if (!p->exists)
            continue;
        if (p->model.message[0] != '\0' || !workload_check_whole(p) || !model_check_state(&p->model, p->log))
            return partition_fail(p);
    }
    return true;
}

bool workload_restart(struct workload *w)
{
    for (uint32_t i = 0; i < w->partition_count; i++) {
        struct workload_partition *p = &w->partitions[i];
        if (p->exists && !workload_finish(p))
            return partition_fail(p);
    }
    workload_arm(w);
    bool stopped = stop(w);
    workload_disarm(w);
    if (!stopped)
        return workload_crash(w, false);
    struct workload_damage damage;
    bool rots = rots_now(w, &damage);
    workload_shut(w);
    w->counts->restarts++;
    bool was_cut = chance(w, 30);
    if (was_cut) /* after a clean stop all is on the disk */
        simulated_disk_power_cut(w->disk, random_next(&w->random));
    if (rots)
        workload_do_damage(&damage);
    if (!start(w, &was_cut))
        return false;
    return w->start.clean ? check_clean(w) : check_all(w, true);
}

/* ---- making and deleting ---- */

bool workload_make(struct workload_partition *p)
{
    struct workload *w = p->w;
    if (w->stale && !workload_save_points(w, true))
        return true;
    model_clear(&p->model);
    memset(p->producers, 0, sizeof p->producers);
    p->exists = true;
    p->is_made = false;
    p->lost = false;
    w->counts->made++;
    int rc = make_log(p);
    return rc == 0 || workload_crash(w, false); /* the broker would try again at the next start */
}

bool workload_delete(struct workload_partition *p)
{
    struct workload *w = p->w;
    char renamed[DISK_PATH_MAX + 16];
    snprintf(renamed, sizeof renamed, "%s.x-delete", p->folder);
    p->exists = false;
    w->stale = true;
    w->counts->deleted++;
    log_abandon(p->log);
    bool rename_first = chance(w, 50); /* what is under way ends before or behind it */
    if (!rename_first)
        workload_drop(p);
    int rc = disk_rename(w->disk, p->folder, renamed, &w->error);
    workload_drop(p);
    log_close(p->log);
    p->log = NULL;
    if (rc == 0)
        rc = log_delete_files(w->disk, renamed, &w->error);
    return rc == 0 || workload_crash(w, false); /* finished by the start that follows */
}
