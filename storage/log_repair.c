#include "log_repair.h"

#include "log_repair_private.h"
#include "log_swap.h"

#include <stdarg.h>
#include <stdio.h>

#define SMALL_FILE_MAX ((size_t)16 << 20)

int repair_tell(struct repair *repair, const char *path, const char *format, ...)
{
    char words[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    repair->actions++;
    return repair->on_action != NULL ? repair->on_action(repair->context, path, words) : 0;
}

/* ---- judging ---- */

/* Where nothing is known, the one before it: perhaps none, -1, as in what was written before there were epochs. */
static int32_t epoch_of_offset(const struct repair_walk *walk, int64_t offset)
{
    for (uint32_t i = walk->epochs.count; i-- > 0;) {
        if (walk->epochs.starts[i].start_offset <= offset)
            return walk->epochs.starts[i].epoch;
    }
    return walk->judge.seen;
}

enum stretch_fate repair_judge(struct repair_walk *walk, const struct segment_stretch *stretch, int32_t *epoch)
{
    const struct batch_header *header = &stretch->header;
    if (!stretch->is_batch)
        return STRETCH_TAKE_OUT;
    bool is_right = epoch_judge_takes(&walk->judge, header);
    /* Left of a write that failed, or torn there: a start would not take it either. */
    if (!is_right && !walk->repair->clean && walk->end >= walk->known->recovery_point)
        return STRETCH_TAKE_OUT;
    walk->end = batch_last_offset(header) + 1;
    *epoch = epoch_of_offset(walk, header->base_offset);
    return is_right || *epoch == header->leader_epoch ? STRETCH_KEEP : STRETCH_RESTAMP;
}

/* ---- planning ---- */

struct planning {
    struct repair_walk *walk;
    struct segment_plan *plan;
};

static int plan_stretch(void *context, const struct segment_stretch *stretch)
{
    struct planning *planning = context;
    struct segment_plan *plan = planning->plan;
    int32_t epoch;
    if (stretch->is_unreadable)
        return -EIO;
    enum stretch_fate fate = repair_judge(planning->walk, stretch, &epoch);
    if (fate == STRETCH_TAKE_OUT) {
        if (plan->bad++ == 0)
            plan->bad_from = stretch->position;
        return 0;
    }
    plan->good++;
    plan->good_end = stretch->position + stretch->size;
    plan->restamped += fate == STRETCH_RESTAMP;
    if (!planning->walk->epochs_lost || fate != STRETCH_KEEP || stretch->header.leader_epoch < 0)
        return 0;
    int rc = epochs_append(&planning->walk->epochs, stretch->header.leader_epoch, stretch->header.base_offset);
    return rc < 0 ? rc : 0;
}

static int plan_aborted(struct repair_walk *walk, struct segment_plan *plan, const struct segment_verdict *verdict,
                        struct error *error)
{
    struct error wrong;
    int rc = inspect_aborted(walk->repair->disk, walk->repair->memory, walk->folder, walk->found, plan->base_offset,
                             verdict->end_offset, &wrong, error);
    plan->aborted_wrong = wrong.code != 0;
    return rc;
}

static int plan_segment(struct repair_walk *walk, struct segment_plan *plan, struct error *error)
{
    struct inspection inspection = {.disk = walk->repair->disk, .memory = walk->repair->memory};
    struct planning planning = {walk, plan};
    struct segment_verdict verdict;
    struct index_follow follow;
    plan->judge = walk->judge;
    plan->end = walk->end;
    int rc = inspect_segment(&inspection, walk->folder, plan->base_offset, plan->end_offset, false, plan_stretch,
                             &planning, &verdict, &follow, error);
    if (rc == -EIO)
        return error_set(error, rc, "%s: segment %" PRId64 " cannot be read: copy the folder to a good disk first",
                         walk->folder, plan->base_offset);
    plan->size = verdict.size;
    plan->indexes_wrong = verdict.offsets_wrong || verdict.times_wrong;
    if (rc == 0 && (verdict.has_markers || plan->has_aborted))
        rc = plan_aborted(walk, plan, &verdict, error);
    if (rc == 0 && plan->size == 0 && walk->end < plan->base_offset &&
        (walk->repair->clean || plan->base_offset <= walk->known->recovery_point))
        walk->end = plan->base_offset;
    return rc;
}

/* Those that have a .log, in order; end_offset is the next one's base. */
static uint32_t list_segments(const struct log_folder *found, struct segment_plan *plans)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < found->count; i++) {
        if (!found->segments[i].parts[SEGMENT_LOG])
            continue;
        if (count > 0)
            plans[count - 1].end_offset = found->segments[i].base_offset;
        plans[count++] = (struct segment_plan){.base_offset = found->segments[i].base_offset,
                                               .end_offset = INT64_MAX,
                                               .has_aborted = found->segments[i].parts[SEGMENT_TRANSACTION_INDEX]};
    }
    return count;
}

/* ---- small files ---- */

int repair_set_aside(struct repair *repair, const char *path, const char *why, struct error *error)
{
    uint8_t *bytes;
    size_t size;
    char folder[DISK_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int rc = disk_read_file(repair->disk, path, SMALL_FILE_MAX, MEMORY_LOGS, &bytes, &size, error);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    rc = repair_tell(repair, path, "%s: the file goes", why);
    if (rc == 0 && !repair->dry) {
        snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
        if (folder[0] != '\0')
            rc = disk_make_folder(repair->aside, folder, error);
        if (rc == 0)
            rc = disk_replace_file(repair->aside, path, slice_of(bytes, size), error);
        if (rc == 0)
            rc = disk_sync_folder(repair->aside, "", error);
        if (rc == 0)
            rc = disk_remove_file(repair->disk, path, error);
        if (rc == 0)
            rc = disk_sync_folder(repair->disk, folder, error);
        repair->bytes_aside += size;
    }
    memory_free(repair->memory, MEMORY_LOGS, bytes, size);
    return rc;
}

static int load_epochs(struct repair_walk *walk, struct error *error)
{
    char path[DISK_PATH_MAX];
    uint8_t *bytes;
    size_t size;
    snprintf(path, sizeof path, "%s/" LOG_EPOCHS_FILE, walk->folder);
    int rc = disk_read_file(walk->repair->disk, path, CHECKPOINT_LIMIT, MEMORY_LOGS, &bytes, &size, error);
    if (rc == 0) {
        rc = epochs_parse(&walk->epochs, slice_of(bytes, size), error);
        memory_free(walk->repair->memory, MEMORY_LOGS, bytes, size);
    }
    walk->epochs_lost = rc == FURROW_CORRUPT || rc == FURROW_TOO_LARGE || rc == -ENOENT;
    return walk->epochs_lost ? 0 : rc;
}

static int write_epochs(struct repair_walk *walk, struct error *error)
{
    char path[DISK_PATH_MAX];
    struct repair *repair = walk->repair;
    writer w;
    snprintf(path, sizeof path, "%s/" LOG_EPOCHS_FILE, walk->folder);
    int rc = repair_set_aside(repair, path, "it cannot be read", error);
    if (rc == 0)
        rc = repair_tell(repair, path, "is made again from the batches");
    if (rc != 0 || repair->dry)
        return rc;
    writer_init(&w, repair->memory, MEMORY_LOGS, CHECKPOINT_LIMIT);
    epochs_write(&walk->epochs, &w);
    rc = writer_ok(&w) ? disk_replace_file(repair->disk, path, writer_slice(&w), error)
                       : error_set_status(error, -ENOMEM, "%s", path);
    writer_close(&w);
    return rc;
}

static int repair_snapshot(struct repair_walk *walk, int64_t offset, struct error *error)
{
    struct producer_state *state;
    struct repair *repair = walk->repair;
    char path[DISK_PATH_MAX];
    uint8_t *bytes;
    size_t size;
    segment_path(walk->folder, offset, SEGMENT_SNAPSHOT, path);
    int rc = producer_state_create(repair->memory, LOG_MAX_PRODUCERS, &state);
    if (rc != 0)
        return error_set_status(error, rc, "%s", path);
    rc = disk_read_file(repair->disk, path, PRODUCER_SNAPSHOT_MAX_SIZE, MEMORY_PRODUCERS, &bytes, &size, error);
    if (rc == 0) {
        rc = producer_state_parse(state, slice_of(bytes, size), 0, INT64_MAX, error);
        memory_free(repair->memory, MEMORY_PRODUCERS, bytes, size);
    }
    producer_state_close(state);
    bool is_damaged = rc == FURROW_CORRUPT || rc == FURROW_WRONG_VERSION || rc == FURROW_TOO_LARGE;
    return is_damaged ? repair_set_aside(repair, path, "the snapshot is damaged", error) : rc;
}

/* ---- all of it ---- */

static int sync_segments(struct repair_walk *walk, const struct segment_plan *plans, uint32_t count,
                         struct error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        char path[DISK_PATH_MAX];
        struct file *file;
        segment_path(walk->folder, plans[i].base_offset, SEGMENT_LOG, path);
        int rc = disk_open_file(walk->repair->disk, path, FILE_READ_WRITE, &file, error);
        if (rc != 0)
            return rc;
        rc = file_sync(file, error);
        file_close(file);
        if (rc != 0)
            return rc;
    }
    return disk_sync_folder(walk->repair->disk, walk->folder, error);
}

/* An empty segment where appending goes on. */
static int go_on_at(struct repair_walk *walk, int64_t offset, struct error *error)
{
    static const enum segment_part parts[] = {SEGMENT_OFFSET_INDEX, SEGMENT_TIME_INDEX, SEGMENT_LOG};
    struct repair *repair = walk->repair;
    int rc = repair_tell(repair, walk->folder,
                         "its records from offset %" PRId64 " to %" PRId64 " are lost: it goes on at %" PRId64,
                         walk->end, offset - 1, offset);
    for (size_t i = 0; rc == 0 && !repair->dry && i < sizeof parts / sizeof parts[0]; i++) {
        char path[DISK_PATH_MAX];
        struct file *file;
        segment_path(walk->folder, offset, parts[i], path);
        rc = disk_open_file(repair->disk, path, FILE_CREATE, &file, error);
        if (rc == 0)
            file_close(file);
    }
    return rc == 0 && !repair->dry ? disk_sync_folder(repair->disk, walk->folder, error) : rc;
}

/* With the new recovery point on the disk, no start cuts what stands behind damage. */
static int secure_end(struct repair_walk *walk, const struct segment_plan *plans, uint32_t count, struct error *error)
{
    struct repair *repair = walk->repair;
    int64_t point = walk->known->recovery_point;
    if (repair->dry)
        return 0;
    int rc = sync_segments(walk, plans, count, error);
    return rc == 0 ? repair->on_end(repair->context, walk->folder, walk->end > point ? walk->end : point, error) : rc;
}

static int act(struct repair_walk *walk, const struct log_folder *found, const struct segment_plan *plans,
               uint32_t count, struct error *error)
{
    int64_t end = walk->end;
    int rc = secure_end(walk, plans, count, error);
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = repair_segment(walk, &plans[i], error);
    walk->end = end;
    if (rc == 0 && walk->epochs_lost)
        rc = write_epochs(walk, error);
    for (uint32_t i = 0; rc == 0 && i < found->count; i++) {
        if (found->segments[i].parts[SEGMENT_SNAPSHOT])
            rc = repair_snapshot(walk, found->segments[i].base_offset, error);
    }
    if (rc == 0 && end < walk->known->recovery_point && walk->known->log_start < walk->known->recovery_point)
        rc = go_on_at(walk, walk->known->recovery_point, error);
    return rc;
}

static int plan_and_act(struct repair_walk *walk, const struct log_folder *found, struct error *error)
{
    size_t size = (found->count + 1) * sizeof(struct segment_plan);
    struct segment_plan *plans = memory_alloc(walk->repair->memory, MEMORY_LOGS, size);
    if (plans == NULL)
        return error_set_status(error, -ENOMEM, "%s", walk->folder);
    uint32_t count = list_segments(found, plans);
    walk->found = found;
    struct inspection inspection = {.clean = walk->repair->clean, .leader_epoch = walk->repair->leader_epoch};
    epoch_judge_init(&walk->judge, &walk->epochs, &inspection, walk->known);
    walk->end = count > 0 ? plans[0].base_offset : 0;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = plan_segment(walk, &plans[i], error);
    /* The last segment stays, empty or not: offsets before its first one were given out. */
    if (rc == 0 && count > 0 && walk->end < plans[count - 1].base_offset)
        walk->end = plans[count - 1].base_offset;
    if (rc == 0)
        rc = act(walk, found, plans, count, error);
    memory_free(walk->repair->memory, MEMORY_LOGS, plans, size);
    return rc;
}

int repair_log(struct repair *repair, const char *folder, const struct inspect_known *known, struct error *error)
{
    struct repair_walk walk = {.repair = repair, .folder = folder, .known = known};
    struct log_folder found;
    int rc = log_folder_list(&found, repair->disk, folder, repair->memory, error);
    if (rc != 0)
        return error_wrap(error, rc, "%s", folder);
    epochs_init(&walk.epochs, repair->memory);
    if (!repair->dry)
        rc = log_swap_complete(&found, repair->disk, folder, repair->memory, error);
    if (rc == 0)
        rc = load_epochs(&walk, error);
    if (rc == 0)
        rc = plan_and_act(&walk, &found, error);
    epochs_close(&walk.epochs);
    log_folder_close(&found);
    return rc;
}
