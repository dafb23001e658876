#include "verify.h"

#include "look.h"

#include <errno.h>
#include <getopt.h>
#include <unistd.h>

static const char help[] =
    "Usage: furrow verify [--partitions] [--json] DIR\n"
    "\n"
    "Looks the data folder DIR of a stopped server through and changes nothing: every batch's CRC and place, indexes,\n"
    "producer snapshots, epochs, checkpoints. A line for each finding, then a summary. Two kinds of findings:\n"
    "\n"
    "  damage      something is lost, or cannot be served; furrow repair can help\n"
    "  note        left by a kill or a power cut; the next start puts it right, no acknowledged record is lost\n"
    "\n"
    "  --partitions  also a line for each partition, with its offsets\n"
    "  --json        one JSON object a line\n"
    "  --help        this text\n"
    "\n"
    "Exit status: 0 no damage, 1 damage, 2 wrong usage, 3 the folder cannot be looked at, or a server runs on it.\n"
    "\n"
    "Examples:\n"
    "  furrow verify /var/lib/furrow\n"
    "  furrow verify --json /var/lib/furrow | jq -r 'select(.level == \"damage\").path' | sort -u\n";

static void emit_summary(struct look *look)
{
    const struct inspection *i = &look->inspection;
    struct emitter *e = &look->emitter;
    emit_begin(e, "summary");
    emit_text(e, "verdict", i->damages > 0 ? "damaged" : i->notes > 0 ? "ok-after-start" : "ok");
    if (look->folder != NULL)
        emit_text(e, "last_stop", look->start.clean ? "clean" : "unclean");
    emit_int(e, "partitions", (int64_t)i->partitions);
    emit_int(e, "segments", (int64_t)i->segments);
    emit_int(e, "batches", (int64_t)i->batches);
    emit_int(e, "records", (int64_t)i->records);
    emit_int(e, "bytes", (int64_t)i->bytes);
    emit_int(e, "notes", (int64_t)i->notes);
    emit_int(e, "damages", (int64_t)i->damages);
    emit_end(e);
}

static int verify_disk(struct look *look, const char *root, struct disk *disk, struct error *error)
{
    int rc = look_open(look, disk, look->memory, error);
    if (rc == 0)
        rc = look_through(look, NULL, NULL, error);
    if (rc == 0)
        emit_summary(look);
    look_close(look);
    return rc < 0 ? error_wrap(error, rc, "%s", root) : 0;
}

static int verify_folder(struct look *look, const char *root, struct error *error)
{
    struct disk *disk;
    int lock;
    int rc = disk_open_real(root, look->memory, &disk, error);
    if (rc != 0)
        return rc;
    rc = data_folder_lock_to_read(root, &lock, error);
    if (rc != 0)
        goto close_disk;
    rc = verify_disk(look, root, disk, error);
    if (lock >= 0)
        close(lock);

close_disk:
    disk_close(disk);
    return rc;
}

static int run(const char *root, bool as_json, bool with_partitions)
{
    struct memory memory;
    struct error error = {0};
    struct look look = {.command = "verify", .memory = &memory, .with_partitions = with_partitions};
    memory_init(&memory);
    emitter_open(&look.emitter, as_json, stdout, &memory);
    int rc = verify_folder(&look, root, &error);
    if (rc != 0)
        fprintf(stderr, "furrow verify: %s\n", error.message);
    int written = emitter_close(&look.emitter);
    if (written != 0 && written != -EPIPE)
        fprintf(stderr, "furrow verify: %s\n", status_text(written));
    if (rc != 0 || (written != 0 && written != -EPIPE))
        return 3;
    return look.inspection.damages > 0;
}

int verify_main(int count, char **arguments)
{
    static const struct option options[] = {{"partitions", no_argument, NULL, 'p'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bool as_json = false, with_partitions = false;
    int option;
    while ((option = getopt_long(count, arguments, "h", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            with_partitions = true;
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
        fputs("furrow verify: name one data folder; --help has examples\n", stderr);
        return 2;
    }
    return run(arguments[optind], as_json, with_partitions);
}
