#include "dump.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char help[] =
    "Usage: furrow dump [--records] [--json] FILE...\n"
    "\n"
    "Prints the files of a data folder, one entry a line. The server may be running.\n"
    "\n"
    "  NUMBER.log             batches, each with its CRC checked; with --records their records too\n"
    "  NUMBER.index           offset index\n"
    "  NUMBER.timeindex       time index\n"
    "  NUMBER.txnindex        aborted transactions\n"
    "  NUMBER.snapshot        idempotent producers\n"
    "  leader-epoch-checkpoint, *-offset-checkpoint, partition.metadata, *.properties\n"
    "\n"
    "  --records   print records (keys, values, headers)\n"
    "  --json      one JSON object a line\n"
    "  --help      this text\n"
    "\n"
    "Exit status: 0 nothing is wrong, 1 damage was found or a file could not be read, 2 wrong usage.\n"
    "\n"
    "Examples:\n"
    "  furrow dump --records data/orders-0/00000000000000000000.log\n"
    "  furrow dump --json data/orders-0/*.log | jq 'select(.crc != \"ok\")'\n";

struct file_kind {
    const char *ending;
    int (*dump)(struct dump *dump, struct error *error);
};

static const struct file_kind kinds[] = {
    {".log", dump_segment},
    {".log.deleted", dump_segment},
    {".log.swap", dump_segment},
    {".log.cleaned", dump_segment},
    {".index", dump_offset_index},
    {".timeindex", dump_time_index},
    {".txnindex", dump_transaction_index},
    {".snapshot", dump_snapshot},
    {"leader-epoch-checkpoint", dump_epoch_checkpoint},
    {"-offset-checkpoint", dump_offset_checkpoint},
    {"partition.metadata", dump_text},
    {".properties", dump_text},
    {".kafka_cleanshutdown", dump_text},
};

static const struct file_kind *kind_of(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t ending = strlen(kinds[i].ending);
        if (length >= ending && strcmp(name + length - ending, kinds[i].ending) == 0)
            return &kinds[i];
    }
    return NULL;
}

static int dump_in_folder(struct dump *dump, const char *folder, struct error *error)
{
    const struct file_kind *kind = kind_of(dump->name);
    if (kind == NULL)
        return error_set(error, -EINVAL, "furrow dump reads no files of this name");
    int rc = disk_open_real(folder, dump->memory, &dump->disk, error);
    if (rc != 0)
        return rc;
    rc = kind->dump(dump, error);
    disk_close(dump->disk);
    return rc;
}

/* The folder's own name tells whose records are inside, so a relative path is made absolute first. */
static int dump_path(struct dump *dump, const char *path, struct error *error)
{
    char absolute[PATH_MAX], for_name[PATH_MAX], for_folder[PATH_MAX], for_folder_name[PATH_MAX];
    if (realpath(path, absolute) == NULL)
        return error_set_status(error, -errno, "cannot be opened");
    struct stat found;
    if (stat(absolute, &found) == 0 && S_ISDIR(found.st_mode))
        return error_set(error, -EISDIR, "is a folder: name the files in it");
    memcpy(for_name, absolute, sizeof absolute);
    memcpy(for_folder, absolute, sizeof absolute);
    dump->path = path;
    dump->name = basename(for_name);
    dump->damaged = 0;
    const char *folder = dirname(for_folder);
    snprintf(for_folder_name, sizeof for_folder_name, "%s", folder);
    dump->folder = basename(for_folder_name);
    return dump_in_folder(dump, folder, error);
}

int dump_main(int count, char **arguments)
{
    static const struct option options[] = {{"records", no_argument, NULL, 'r'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct memory memory;
    struct dump dump = {.memory = &memory};
    bool as_json = false;
    int option;
    while ((option = getopt_long(count, arguments, "h", options, NULL)) != -1) {
        switch (option) {
        case 'r':
            dump.with_records = true;
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
    if (optind == count) {
        fputs("furrow dump: name at least one file; --help has examples\n", stderr);
        return 2;
    }
    memory_init(&memory);
    emitter_open(&dump.emitter, as_json, stdout, &memory);
    int status = 0;
    for (int i = optind; i < count && dump.emitter.status == 0; i++) {
        struct error error = {0};
        if (!as_json && count - optind > 1)
            printf("%s\n", arguments[i]);
        if (dump_path(&dump, arguments[i], &error) != 0) {
            fprintf(stderr, "furrow dump: %s: %s\n", arguments[i], error.message);
            status = 1;
        }
        if (dump.damaged != 0)
            status = 1;
    }
    int rc = emitter_close(&dump.emitter);
    if (rc != 0 && rc != -EPIPE)
        fprintf(stderr, "furrow dump: %s\n", status_text(rc));
    return rc != 0 && rc != -EPIPE ? 1 : status;
}
