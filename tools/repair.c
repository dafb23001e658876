/* A look finds the damage; then each damaged log is repaired (storage/repair.h), and a second look says what is left.
 * Without --yes the same is gone through, and only told. The clean mark goes first: the next start recovers, and raises
 * the leader epoch past what consumers may have seen of records that are lost. */
#include "repair.h"

#include "arena.h"
#include "data_folder_version.h"
#include "log_repair.h"
#include "look.h"

#include <errno.h>
#include <getopt.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "Usage: furrow repair [--yes] [--aside FOLDER] [--json] DIR\n"
    "\n"
    "Repairs the data folder DIR of a stopped server where furrow verify finds damage. What is no good batch is taken\n"
    "out of the segments and kept aside; good batches stay, whatever stands before them; indexes and checkpoints are\n"
    "made again; offsets that were given out are not given again. Without --yes it says what it would do, and changes\n"
    "nothing. furrow backup copies a damaged folder as it is: a copy before the repair is a way back.\n"
    "\n"
    "  --yes            do it\n"
    "  --aside FOLDER   where what is taken out goes, a new or empty folder; else DIR/repair-TIME\n"
    "  --json           one JSON object a line\n"
    "  --help           this text\n"
    "\n"
    "Exit status: 0 no damage, or all of it repaired; 1 damage is left, or would be repaired with --yes; 2 wrong "
    "usage;\n"
    "3 the folder cannot be worked on, or a server runs on it.\n"
    "\n"
    "Examples:\n"
    "  furrow repair /var/lib/furrow\n"
    "  furrow repair --yes --aside /mnt/usb/aside /var/lib/furrow && furrowd --data /var/lib/furrow\n";

/* A log with damage. */
struct damaged {
    const char *folder; /* of the look's list */
    struct damaged *next;
};

struct repairing {
    const char *root;
    const char *aside_root; /* NULL: in the data folder */
    bool yes;
    struct memory *memory;
    struct look look;
    struct repair repair;
    struct arena arena; /* of the list, and of names of topics */
    struct damaged *first, **last;
    int32_t largest_epoch;
    struct checkpoint_offset *points; /* the recovery points, one for each partition that has any */
    size_t point_count;
    size_t point_capacity;
    uint64_t found; /* damages at the first look */
    int status;     /* of the exit */
};

/* ---- looking ---- */

static int note_log(void *context, const char *folder, const struct inspect_known *known,
                    const struct inspect_log *found, struct error *error)
{
    struct repairing *r = context;
    (void)known;
    if (found->largest_epoch > r->largest_epoch)
        r->largest_epoch = found->largest_epoch;
    if (found->damages == 0)
        return 0;
    struct damaged *damaged = arena_alloc(&r->arena, sizeof *damaged);
    if (damaged == NULL)
        return error_set_status(error, -ENOMEM, "%s", folder);
    *damaged = (struct damaged){.folder = folder};
    *r->last = damaged;
    r->last = &damaged->next;
    return 0;
}

static int on_action(void *context, const char *path, const char *words)
{
    struct repairing *r = context;
    struct emitter *e = &r->look.emitter;
    progress_clear(&r->look.progress);
    emit_begin(e, r->yes ? "repair" : "would");
    emit_text(e, "path", path);
    emit_bytes(e, "action", slice_of_text(words));
    emit_end(e);
    return r->yes ? 0 : e->status != 0; /* what has begun is ended, whoever listens */
}

/* ---- recovery points ---- */

static int note_points(struct repairing *r, struct error *error)
{
    r->point_capacity = r->look.partitions.count + 1;
    r->points = memory_alloc(r->memory, MEMORY_SERVER, r->point_capacity * sizeof *r->points);
    if (r->points == NULL)
        return error_set_status(error, -ENOMEM, "recovery points");
    for (const char *folder = partition_list_first(&r->look.partitions); folder != NULL;
         folder = partition_list_next(&r->look.partitions, folder)) {
        char topic[DISK_PATH_MAX];
        int32_t partition;
        struct inspect_known known = look_known(&r->look, folder);
        if (known.recovery_point < 0 || !partition_folder_parse(folder, topic, &partition))
            continue;
        slice name = arena_copy(&r->arena, slice_of_text(topic));
        if (slice_is_null(name))
            return error_set_status(error, -ENOMEM, "recovery points");
        r->points[r->point_count++] = (struct checkpoint_offset){name, partition, known.recovery_point};
    }
    return 0;
}

static int on_end(void *context, const char *folder, int64_t end_offset, struct error *error)
{
    struct repairing *r = context;
    char topic[DISK_PATH_MAX];
    int32_t partition;
    size_t i = 0;
    if (!partition_folder_parse(folder, topic, &partition))
        return error_set(error, -EINVAL, "%s: no partition's folder", folder);
    while (i < r->point_count &&
           !(r->points[i].partition == partition && slice_equal(r->points[i].topic, slice_of_text(topic))))
        i++;
    if (i == r->point_count) {
        slice name = arena_copy(&r->arena, slice_of_text(topic));
        if (slice_is_null(name))
            return error_set_status(error, -ENOMEM, "recovery points");
        r->points[r->point_count++] = (struct checkpoint_offset){.topic = name, .partition = partition};
    }
    r->points[i].offset = end_offset;
    return data_folder_write_recovery_points(r->look.disk, r->points, r->point_count, error);
}

/* ---- the files beside the partitions ---- */

static int repair_checkpoints(struct repairing *r, struct error *error)
{
    static const char *const names[] = {"recovery-point-offset-checkpoint", "log-start-offset-checkpoint",
                                        "cleaner-offset-checkpoint", "replication-offset-checkpoint"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct error why = {0};
        if (inspect_checkpoint_is_right(r->look.disk, names[i], &why))
            continue;
        int rc = repair_set_aside(&r->repair, names[i], why.message, error);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The cluster's id cannot be guessed; an epoch above all that the logs have seen can. */
static int repair_properties(struct repairing *r, struct error *error)
{
    struct furrow_properties furrow;
    struct error why = {0};
    int rc = furrow_properties_read(r->look.disk, &furrow, &why);
    if (rc != FURROW_CORRUPT)
        return rc;
    rc = repair_set_aside(&r->repair, "furrow.properties", why.message, error);
    furrow = (struct furrow_properties){DATA_FOLDER_VERSION, r->largest_epoch < 0 ? 0 : r->largest_epoch};
    if (rc == 0)
        rc = on_action(r, "furrow.properties", "is made again from what the logs have seen");
    return rc == 0 && r->yes ? furrow_properties_write(r->look.disk, &furrow, error) : rc;
}

/* ---- all of it ---- */

static int open_aside(struct repairing *r, struct error *error)
{
    char name[64], path[4096];
    time_t now = time(NULL);
    struct tm utc;
    strftime(name, sizeof name, "repair-%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
    snprintf(path, sizeof path, "%s/%s", r->root, name);
    const char *root = r->aside_root != NULL ? r->aside_root : path;
    if (mkdir(root, 0750) != 0 && !(errno == EEXIST && r->aside_root != NULL))
        return error_set_status(error, -errno, "make the folder %s", root);
    int rc = disk_open_real(root, r->memory, &r->repair.aside, error);
    return rc == 0 ? disk_sync_folder(r->look.disk, "", error) : rc;
}

static int repair_logs(struct repairing *r, struct error *error)
{
    int worst = 0;
    for (const struct damaged *damaged = r->first; damaged != NULL; damaged = damaged->next) {
        struct inspect_known known = look_known(&r->look, damaged->folder);
        struct error why = {0};
        int rc = repair_log(&r->repair, damaged->folder, &known, &why);
        if (rc == -ENOMEM || rc > 0)
            return rc > 0 ? rc : error_set(error, rc, "%s", why.message);
        if (rc == 0)
            continue;
        progress_clear(&r->look.progress);
        fprintf(stderr, "furrow repair: %s\n", why.message); /* the others are repaired all the same */
        worst = rc;
    }
    return worst != 0 ? error_set(error, worst, "not everything could be repaired") : 0;
}

static int repair_all(struct repairing *r, struct error *error)
{
    int rc = repair_properties(r, error);
    if (rc == 0 && r->yes)
        rc = data_folder_remove_clean_mark(r->look.disk, error);
    if (rc == 0)
        rc = repair_checkpoints(r, error);
    if (rc == 0)
        rc = note_points(r, error);
    return rc == 0 ? repair_logs(r, error) : rc;
}

static void emit_summary(struct repairing *r, uint64_t left)
{
    struct emitter *e = &r->look.emitter;
    emit_begin(e, "summary");
    emit_int(e, "damages", (int64_t)r->found);
    emit_int(e, "actions", (int64_t)r->repair.actions);
    if (r->yes) {
        emit_int(e, "bytes_aside", (int64_t)r->repair.bytes_aside);
        emit_int(e, "damages_left", (int64_t)left);
    }
    emit_end(e);
}

/* Silent: what is left is counted. */
static int look_again(struct repairing *r, uint64_t *left, struct error *error)
{
    struct look look = {.command = "repair", .memory = r->memory, .without_notes = true};
    look.emitter = r->look.emitter;
    int rc = look_open(&look, r->look.disk, r->memory, error);
    if (rc == 0)
        rc = look_through(&look, NULL, NULL, error);
    *left = look.inspection.damages;
    look_close(&look);
    r->look.emitter = look.emitter;
    return rc;
}

static int work(struct repairing *r, struct error *error)
{
    struct look *look = &r->look;
    uint64_t left = 0;
    int rc = look_through(look, note_log, r, error);
    r->found = look->inspection.damages;
    if (rc == 0 && r->found == 0)
        emit_summary(r, 0);
    r->status = rc > 0 || r->found > 0; /* above 0: the reader of the output has gone before anything was done */
    if (rc != 0 || r->found == 0)
        return rc;
    r->repair = (struct repair){.disk = look->disk,
                                .memory = r->memory,
                                .clean = look->inspection.clean,
                                .leader_epoch = look->folder != NULL ? look->start.leader_epoch : r->largest_epoch,
                                .dry = !r->yes,
                                .on_action = on_action,
                                .on_end = on_end,
                                .context = r};
    if (r->yes && (rc = open_aside(r, error)) != 0)
        return rc;
    rc = repair_all(r, error);
    if (r->repair.aside != NULL)
        disk_close(r->repair.aside);
    memory_free(r->memory, MEMORY_SERVER, r->points, r->point_capacity * sizeof *r->points);
    if (rc != 0)
        return rc;
    if (r->yes && (rc = look_again(r, &left, error)) != 0)
        return rc;
    emit_summary(r, left);
    if (r->yes && left == 0)
        r->status = 0;
    return 0;
}

static int repair_locked(struct repairing *r, struct disk *disk, struct error *error)
{
    int lock;
    int rc = data_folder_lock(r->root, &lock, error);
    if (rc != 0)
        return rc;
    rc = look_open(&r->look, disk, r->memory, error);
    if (rc == 0)
        rc = work(r, error);
    look_close(&r->look);
    close(lock);
    return rc < 0 ? error_wrap(error, rc, "%s", r->root) : 0;
}

static int run(struct repairing *r, bool as_json)
{
    struct error error = {0};
    struct disk *disk;
    r->look = (struct look){.command = "repair", .memory = r->memory, .without_notes = true};
    r->last = &r->first;
    r->largest_epoch = -1;
    arena_init(&r->arena, r->memory, MEMORY_SERVER, SIZE_MAX);
    emitter_open(&r->look.emitter, as_json, stdout, r->memory);
    int rc = disk_open_real(r->root, r->memory, &disk, &error);
    if (rc == 0) {
        rc = repair_locked(r, disk, &error);
        disk_close(disk);
    }
    if (rc != 0)
        fprintf(stderr, "furrow repair: %s\n", error.message);
    int written = emitter_close(&r->look.emitter);
    if (written != 0 && written != -EPIPE)
        fprintf(stderr, "furrow repair: %s\n", status_text(written));
    arena_close(&r->arena);
    return rc != 0 && r->status == 0 ? 3 : r->status;
}

int repair_main(int count, char **arguments)
{
    static const struct option options[] = {{"yes", no_argument, NULL, 'y'},
                                            {"aside", required_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct memory memory;
    struct repairing r = {.memory = &memory};
    bool as_json = false;
    int option;
    while ((option = getopt_long(count, arguments, "h", options, NULL)) != -1) {
        switch (option) {
        case 'y':
            r.yes = true;
            break;
        case 'a':
            r.aside_root = optarg;
            break;
        case 'j':
            as_json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            return 2;
        }
    }
    if (optind + 1 != count) {
        fputs("furrow repair: name one data folder; --help has examples\n", stderr);
        return 2;
    }
    r.root = arguments[optind];
    memory_init(&memory);
    return run(&r, as_json);
}
