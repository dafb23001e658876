#include "restore.h"

#include "data_folder.h"
#include "look.h"
#include "restore_source.h"

#include <errno.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "Usage: furrow restore --data NEW [--no-verify] [--json] DIR\n"
    "       furrow restore --data NEW [--no-verify] [--json] - < ARCHIVE\n"
    "\n"
    "Makes a data folder of a backup: NEW, which must be new or empty (its parent folder must exist), from the folder\n"
    "DIR, or from a tar archive on stdin. All of it is synced, then looked through as furrow verify does. A failure\n"
    "leaves nothing behind. furrowd starts on NEW with the cluster's and the topics' ids of the server that was "
    "backed\n"
    "up: clients take the one for the other, so do not run both for the same clients.\n"
    "\n"
    "  --data NEW    the data folder to make\n"
    "  --no-verify   do not look it through\n"
    "  --json        one JSON object a line\n"
    "  --help        this text\n"
    "\n"
    "Exit status: 0 restored, 1 not restored, 2 wrong usage, 3 restored, but the backup holds damage.\n"
    "\n"
    "Examples:\n"
    "  furrow restore --data /var/lib/furrow /mnt/usb/furrow-2026-11-21\n"
    "  ssh nas 'cat furrow.tar.zst' | zstd -d | furrow restore --data /var/lib/furrow -\n";

struct options {
    const char *data;
    const char *source;
    bool as_json;
    bool no_verify;
};

/* ---- copying ---- */

static int restore_files(struct restore *restore, const char *source, struct error *error)
{
    int rc = strcmp(source, "-") == 0 ? restore_from_archive(restore, stdin, error)
                                      : restore_from_folder(restore, source, error);
    if (rc == 0 && restore->meta == NULL)
        rc = error_set(error, FURROW_CORRUPT, "the backup is not whole: it has no meta.properties");
    if (rc == 0)
        rc = copy_target_finish(restore->target, error); /* all names are durable before the last file's */
    if (rc == 0)
        rc = copy_target_put(restore->target, "meta.properties", slice_of(restore->meta, restore->meta_size),
                             restore->meta_mtime, error);
    return rc == 0 ? copy_target_finish(restore->target, error) : rc;
}

static int restore_to(struct disk *disk, const struct options *options, struct progress *progress,
                      struct memory *memory, struct copy_target *target, struct error *error)
{
    struct restore restore = {.memory = memory, .target = target, .progress = progress};
    restore.buffer = memory_alloc(memory, MEMORY_SERVER, RESTORE_COPY_BYTES);
    if (restore.buffer == NULL)
        return error_set_status(error, -ENOMEM, "restore");
    copy_target_open(target, disk, NULL, memory);
    int rc = restore_files(&restore, options->source, error);
    copy_target_close(target);
    memory_free(memory, MEMORY_SERVER, restore.meta, restore.meta_size);
    memory_free(memory, MEMORY_SERVER, restore.buffer, RESTORE_COPY_BYTES);
    progress_clear(progress);
    return rc;
}

/* ---- what is left of a failure ---- */

static int note_name(void *context, const struct disk_entry *entry)
{
    if (strcmp(entry->name, ".lock") != 0 && strcmp(entry->name, "lost+found") != 0)
        write_bytes(context, slice_of(entry->name, strlen(entry->name) + 1));
    return 0;
}

/* What cannot be removed stays: the failure that led here is told. */
static void remove_entry(struct disk *disk, const char *name)
{
    if (disk_remove_tree(disk, name, NULL) != 0 && disk_remove_file(disk, name, NULL) != 0)
        return;
}

/* The folder was empty: all that is in it is ours. */
static void remove_all(struct disk *disk, struct memory *memory)
{
    writer names;
    writer_init(&names, memory, MEMORY_SERVER, SIZE_MAX);
    if (disk_list(disk, "", note_name, &names, NULL) == 0 && writer_ok(&names)) {
        for (size_t at = 0; at < names.size;) {
            const char *name = (const char *)names.data + at;
            remove_entry(disk, name);
            at += strlen(name) + 1;
        }
    }
    writer_close(&names);
}

/* ---- the look at it ---- */

static int look_at_it(struct look *look, struct disk *disk, struct error *error)
{
    int rc = look_open(look, disk, look->memory, error);
    if (rc == 0)
        rc = look_through(look, NULL, NULL, error);
    look_close(look);
    return rc < 0 ? rc : 0;
}

static void emit_summary(struct emitter *e, const struct copy_target *target, const struct look *look, bool verified)
{
    emit_begin(e, "restore");
    emit_int(e, "files", (int64_t)target->files);
    emit_int(e, "bytes", (int64_t)target->bytes);
    if (verified) {
        emit_int(e, "partitions", (int64_t)look->inspection.partitions);
        emit_int(e, "records", (int64_t)look->inspection.records);
        emit_int(e, "damages", (int64_t)look->inspection.damages);
    }
    emit_end(e);
}

/* ---- all of it ---- */

static int restore_locked(struct look *look, struct disk *disk, const struct options *options, struct error *error)
{
    struct copy_target target;
    struct progress progress;
    progress_init(&progress);
    int rc = restore_to(disk, options, &progress, look->memory, &target, error);
    if (rc != 0) {
        remove_all(disk, look->memory);
        return rc;
    }
    if (!options->no_verify)
        rc = look_at_it(look, disk, error);
    if (rc == 0)
        emit_summary(&look->emitter, &target, look, !options->no_verify);
    return rc;
}

/* The lock keeps a server from starting on half a folder. */
static int restore_folder(struct look *look, const struct options *options, struct error *error)
{
    struct disk *disk;
    int lock, source_lock = -1;
    int rc = 0;
    if (strcmp(options->source, "-") != 0)
        rc = data_folder_lock_to_read(options->source, &source_lock, error);
    if (rc != 0)
        return error_wrap(error, rc, "a server runs on what is to be restored from: use furrow backup");
    rc = copy_target_open_folder(options->data, look->memory, &disk, error);
    if (rc != 0)
        goto unlock_source;
    rc = data_folder_lock(options->data, &lock, error);
    if (rc != 0)
        goto close_disk;
    rc = restore_locked(look, disk, options, error);
    if (rc != 0)
        remove_entry(disk, ".lock");
    close(lock);

close_disk:
    disk_close(disk);
unlock_source:
    if (source_lock >= 0)
        close(source_lock);
    return rc;
}

static int run(const struct options *options)
{
    struct memory memory;
    struct error error = {0};
    struct look look = {.command = "restore", .memory = &memory, .without_notes = true};
    memory_init(&memory);
    emitter_open(&look.emitter, options->as_json, stdout, &memory);
    int rc = restore_folder(&look, options, &error);
    if (rc != 0)
        fprintf(stderr, "furrow restore: %s\n", error.message[0] != '\0' ? error.message : status_text(rc));
    int written = emitter_close(&look.emitter);
    if (written != 0 && written != -EPIPE)
        fprintf(stderr, "furrow restore: %s\n", status_text(written));
    if (rc != 0)
        return 1;
    return look.inspection.damages > 0 ? 3 : 0;
}

int restore_main(int count, char **arguments)
{
    static const struct option known[] = {{"data", required_argument, NULL, 'd'},
                                          {"no-verify", no_argument, NULL, 'n'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.data = NULL};
    int option;
    while ((option = getopt_long(count, arguments, "h", known, NULL)) != -1) {
        switch (option) {
        case 'd':
            options.data = optarg;
            break;
        case 'n':
            options.no_verify = true;
            break;
        case 'j':
            options.as_json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            return 2;
        }
    }
    if (options.data == NULL || optind + 1 != count) {
        fputs("furrow restore: name --data NEW and one source; --help has examples\n", stderr);
        return 2;
    }
    options.source = arguments[optind];
    return run(&options);
}
