/* The order matters. The partitions' folders are listed first, then copied one after the other, internal topics before
 * the others: so an offset that was committed never goes beyond the records that are copied later, and the metadata
 * knows every topic whose folder is copied. Each partition is copied up to where it ends when its turn comes, so all
 * that was acknowledged before the backup began is in it. meta.properties comes last: without it neither a server nor
 * furrow restore takes the copy for whole. */
#include "backup.h"

#include "arena.h"
#include "backup_partition.h"
#include "copy_target.h"
#include "data_folder.h"
#include "emit.h"
#include "log.h"
#include "offset_table.h"
#include "partition_list.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_STARTS      "log-start-offset-checkpoint"
#define RECOVERY_POINTS "recovery-point-offset-checkpoint"
#define CLEANED_ENDS    "cleaner-offset-checkpoint"
#define COPY_BYTES      ((size_t)256 << 10)
#define SMALL_FILE_MAX  ((size_t)4 << 20)

static const char help[] =
    "Usage: furrow backup --data DATA [--json] DIR\n"
    "       furrow backup --data DATA -\n"
    "\n"
    "Copies the data folder DATA, of a running server or a stopped one, to the new or empty folder DIR, or as a tar\n"
    "archive to stdout. Everything that was acknowledged before the backup began is in it; what comes while it runs "
    "may\n"
    "be, in whole batches. Commits of consumer groups are never ahead of the records. The server is not disturbed and\n"
    "need not know. furrow restore makes a data folder of it again.\n"
    "\n"
    "  --data DATA   the server's data folder\n"
    "  --json        the summary as a JSON object\n"
    "  --help        this text\n"
    "\n"
    "Exit status: 0 the copy is whole, 1 it is not, 2 wrong usage.\n"
    "\n"
    "Examples:\n"
    "  furrow backup --data /var/lib/furrow /mnt/usb/furrow-$(date +%F)\n"
    "  furrow backup --data /var/lib/furrow - | zstd | ssh nas 'cat > furrow.tar.zst'\n"
    "  furrow backup --data /var/lib/furrow - | tar -tvf -\n";

struct backup {
    const char *data;
    struct memory *memory;
    struct disk *disk;
    int root; /* descriptor of the data folder */
    struct partition_list partitions;
    struct uuid *topic_ids; /* of the partitions, in order */
    struct data_folder *folder;
    struct copy_target target;
    struct progress progress;
    uint8_t *buffer;
    const char *name; /* of the partition that is copied */
    uint32_t number;  /* counted from 1 */
    uint32_t skipped; /* deleted meanwhile */

    struct offset_table starts; /* log-start-offset-checkpoint, as read last */
    struct timespec starts_read;
    ino_t starts_inode;

    /* The copy's checkpoints */
    struct arena names;
    struct checkpoint_offset *points;
    struct checkpoint_offset *log_starts;
    struct checkpoint_offset *cleaned;
    size_t point_count;
    size_t start_count;
    size_t cleaned_count;
};

/* ---- bytes ---- */

static int copy_file(void *context, const char *path, struct file *file, uint64_t bytes, int64_t mtime,
                     struct error *error)
{
    struct backup *backup = context;
    char text[16];
    int rc = copy_target_begin(&backup->target, path, bytes, mtime, error);
    for (uint64_t at = 0; rc == 0 && at < bytes;) {
        size_t got;
        uint64_t left = bytes - at;
        rc = file_read(file, backup->buffer, left < COPY_BYTES ? (size_t)left : COPY_BYTES, at, &got, error);
        if (rc == 0 && got == 0)
            break; /* told by the end */
        if (rc == 0)
            rc = copy_target_write(&backup->target, slice_of(backup->buffer, got), error);
        at += got;
        progress_show(&backup->progress, "furrow backup: %s, partition %u of %u: %s",
                      progress_bytes(text, backup->target.bytes), backup->number, backup->partitions.count,
                      backup->name);
    }
    return rc == 0 ? copy_target_end(&backup->target, error) : rc;
}

/* 0 also when it is not there. */
static int copy_small_file(struct backup *backup, const char *path, struct error *error)
{
    uint8_t *bytes;
    size_t size;
    int rc = disk_read_file(backup->disk, path, SMALL_FILE_MAX, MEMORY_SERVER, &bytes, &size, error);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    rc = copy_target_put(&backup->target, path, slice_of(bytes, size), time(NULL), error);
    memory_free(backup->memory, MEMORY_SERVER, bytes, size);
    return rc;
}

/* ---- partitions ---- */

/* A trim moves the start durably before it removes files: so this is read after they were opened. */
static int refresh_starts(struct backup *backup, struct error *error)
{
    struct stat now;
    if (fstatat(backup->root, LOG_STARTS, &now, 0) != 0)
        return errno == ENOENT ? 0 : error_set_status(error, -errno, LOG_STARTS);
    if (now.st_ino == backup->starts_inode && now.st_mtim.tv_sec == backup->starts_read.tv_sec &&
        now.st_mtim.tv_nsec == backup->starts_read.tv_nsec)
        return 0;
    offset_table_close(&backup->starts, backup->memory);
    backup->starts = (struct offset_table){0};
    int rc = offset_table_read(&backup->starts, backup->disk, LOG_STARTS, error);
    backup->starts_inode = now.st_ino;
    backup->starts_read = now.st_mtim;
    return rc == -ENOENT || rc == FURROW_CORRUPT ? 0 : rc; /* as a start takes it */
}

static int64_t at_most(int64_t offset, int64_t end)
{
    return offset < end ? offset : end;
}

static int note_offsets(struct backup *backup, slice topic, int32_t index, int64_t log_start, int64_t end_offset,
                        struct error *error)
{
    slice name = arena_copy(&backup->names, topic);
    if (slice_is_null(name))
        return error_set_status(error, -ENOMEM, "checkpoints");
    int64_t cleaned = data_folder_cleaned_end(backup->folder, topic, index);
    backup->points[backup->point_count++] = (struct checkpoint_offset){name, index, end_offset};
    if (log_start > 0)
        backup->log_starts[backup->start_count++] = (struct checkpoint_offset){name, index, log_start};
    if (cleaned >= 0)
        backup->cleaned[backup->cleaned_count++] =
            (struct checkpoint_offset){name, index, at_most(cleaned, end_offset)};
    return 0;
}

static int copy_partition(struct backup *backup, const struct backup_partition *partition, struct error *error)
{
    char topic[DISK_PATH_MAX], path[DISK_PATH_MAX];
    int32_t index;
    int rc = refresh_starts(backup, error);
    if (rc != 0)
        return rc;
    if (!partition_folder_parse(partition->folder, topic, &index))
        return error_set(error, -EINVAL, "%s: no partition's folder", partition->folder);
    int64_t log_start = offset_table_find(&backup->starts, slice_of_text(topic), index);
    log_start = at_most(log_start, partition->end_offset);
    rc = backup_partition_copy(partition, log_start, copy_file, backup, error);
    snprintf(path, sizeof path, "%s/partition.metadata", partition->folder);
    if (rc == 0)
        rc = copy_small_file(backup, path, error);
    snprintf(path, sizeof path, "%s/leader-epoch-checkpoint", partition->folder);
    if (rc == 0)
        rc = copy_small_file(backup, path, error);
    return rc == 0 ? note_offsets(backup, slice_of_text(topic), index, log_start, partition->end_offset, error) : rc;
}

static int back_up_partition(struct backup *backup, const char *name, struct error *error)
{
    struct backup_partition partition;
    backup->name = name;
    int rc =
        backup_partition_open(&partition, backup->disk, backup->root, name, backup->topic_ids[backup->number++], error);
    if (rc == -ENOENT) {
        backup->skipped++;
        return 0;
    }
    if (rc != 0)
        return rc;
    rc = copy_partition(backup, &partition, error);
    backup_partition_close(&partition);
    return rc;
}

/* ---- all of it ---- */

static int note_topic_ids(struct backup *backup, struct error *error)
{
    uint32_t i = 0;
    for (const char *name = partition_list_first(&backup->partitions); name != NULL;
         name = partition_list_next(&backup->partitions, name), i++) {
        int rc = log_read_topic_id(backup->disk, name, &backup->topic_ids[i], error);
        if (rc != 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

static int put_checkpoint(struct backup *backup, const char *path, const struct checkpoint_offset *offsets,
                          size_t count, struct error *error)
{
    writer w;
    writer_init(&w, backup->memory, MEMORY_SERVER, CHECKPOINT_MAX_BYTES);
    checkpoint_write_offsets(&w, offsets, count);
    int rc = writer_ok(&w) ? copy_target_put(&backup->target, path, writer_slice(&w), time(NULL), error)
                           : error_set_status(error, -ENOMEM, "%s", path);
    writer_close(&w);
    return rc;
}

static int copy_all(struct backup *backup, struct error *error)
{
    int rc = 0;
    for (const char *name = partition_list_first(&backup->partitions); rc == 0 && name != NULL;
         name = partition_list_next(&backup->partitions, name))
        rc = back_up_partition(backup, name, error);
    if (rc == 0)
        rc = put_checkpoint(backup, RECOVERY_POINTS, backup->points, backup->point_count, error);
    if (rc == 0)
        rc = put_checkpoint(backup, LOG_STARTS, backup->log_starts, backup->start_count, error);
    if (rc == 0 && backup->cleaned_count > 0)
        rc = put_checkpoint(backup, CLEANED_ENDS, backup->cleaned, backup->cleaned_count, error);
    static const char *const others[] = {"furrow-clock-checkpoint", "furrow.properties", "meta.properties"};
    for (size_t i = 0; rc == 0 && i < sizeof others / sizeof others[0]; i++)
        rc = copy_small_file(backup, others[i], error);
    return rc == 0 ? copy_target_finish(&backup->target, error) : rc;
}

/* One block for each kind of array: as many entries as partitions. */
static int copy_with_memory(struct backup *backup, struct error *error)
{
    size_t count = backup->partitions.count + 1;
    size_t ids = count * sizeof *backup->topic_ids, offsets = count * sizeof *backup->points;
    struct memory *memory = backup->memory;
    backup->buffer = memory_alloc(memory, MEMORY_SERVER, COPY_BYTES);
    backup->topic_ids = memory_alloc_zeroed(memory, MEMORY_SERVER, ids);
    backup->points = memory_alloc(memory, MEMORY_SERVER, 3 * offsets);
    int rc = backup->buffer != NULL && backup->topic_ids != NULL && backup->points != NULL
                 ? note_topic_ids(backup, error)
                 : error_set_status(error, -ENOMEM, "%zu partitions", count);
    if (rc == 0) {
        backup->log_starts = backup->points + count;
        backup->cleaned = backup->log_starts + count;
        rc = copy_all(backup, error);
    }
    memory_free(memory, MEMORY_SERVER, backup->points, 3 * offsets);
    memory_free(memory, MEMORY_SERVER, backup->topic_ids, ids);
    memory_free(memory, MEMORY_SERVER, backup->buffer, COPY_BYTES);
    return rc;
}

static int back_up(struct backup *backup, struct error *error)
{
    struct data_folder_start start;
    int rc = data_folder_look(backup->disk, &backup->folder, &start, error);
    if (rc != 0)
        return error_wrap(error, rc, "%s", backup->data);
    rc = partition_list_read(&backup->partitions, backup->disk, error);
    arena_init(&backup->names, backup->memory, MEMORY_SERVER, SIZE_MAX);
    if (rc == 0)
        rc = copy_with_memory(backup, error);
    offset_table_close(&backup->starts, backup->memory);
    arena_close(&backup->names);
    partition_list_close(&backup->partitions);
    data_folder_close(backup->folder);
    return rc;
}

static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int print_summary(const struct backup *backup, bool as_json, FILE *to)
{
    struct emitter e;
    emitter_open(&e, as_json, to, backup->memory);
    emit_begin(&e, "backup");
    emit_int(&e, "partitions", (int64_t)backup->point_count);
    emit_int(&e, "deleted_meanwhile", backup->skipped);
    emit_int(&e, "files", (int64_t)backup->target.files);
    emit_int(&e, "bytes", (int64_t)backup->target.bytes);
    emit_end(&e);
    return emitter_close(&e);
}

static int run_on(struct backup *backup, struct disk *to, bool as_json, struct error *error)
{
    int rc = disk_open_real(backup->data, backup->memory, &backup->disk, error);
    if (rc != 0)
        return rc;
    backup->root = open(backup->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (backup->root < 0) {
        rc = error_set_status(error, -errno, "%s", backup->data);
        goto close_disk;
    }
    copy_target_open(&backup->target, to, stdout, backup->memory);
    rc = back_up(backup, error);
    copy_target_close(&backup->target);
    progress_clear(&backup->progress);
    if (rc == 0 && (to != NULL || as_json))
        rc = print_summary(backup, as_json, to != NULL ? stdout : stderr);
    close(backup->root);

close_disk:
    disk_close(backup->disk);
    return rc;
}

static int run(struct backup *backup, const char *target, bool as_json, struct error *error)
{
    struct disk *to;
    if (strcmp(target, "-") == 0)
        return run_on(backup, NULL, as_json, error);
    int rc = copy_target_open_folder(target, backup->memory, &to, error);
    if (rc != 0)
        return rc;
    rc = run_on(backup, to, as_json, error);
    disk_close(to);
    return rc;
}

int backup_main(int count, char **arguments)
{
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct memory memory;
    struct backup backup = {.memory = &memory};
    bool as_json = false;
    int option;
    while ((option = getopt_long(count, arguments, "h", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            backup.data = optarg;
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
    if (backup.data == NULL || optind + 1 != count) {
        fputs("furrow backup: name --data DATA and one target; --help has examples\n", stderr);
        return 2;
    }
    if (strcmp(arguments[optind], "-") == 0 && isatty(STDOUT_FILENO)) {
        fputs("furrow backup: an archive is not for a terminal: name a folder, or a file by > FILE\n", stderr);
        return 2;
    }
    struct error error = {0};
    memory_init(&memory);
    progress_init(&backup.progress);
    raise_open_files();
    int rc = run(&backup, arguments[optind], as_json, &error);
    if (rc != 0 && rc != -EPIPE)
        fprintf(stderr, "furrow backup: %s\n", error.message[0] != '\0' ? error.message : status_text(rc));
    return rc != 0;
}
