/* A look through a data folder that no server runs on: what furrow verify prints, and furrow repair acts on. */
#pragma once

#include "emit.h"
#include "inspect.h"
#include "partition_list.h"
#include "progress.h"

struct look {
    const char *command; /* for messages */
    struct emitter emitter;
    struct progress progress;
    struct memory *memory;
    struct disk *disk;
    struct partition_list partitions;
    struct data_folder *folder; /* NULL when its own files are damaged */
    struct data_folder_start start;
    struct inspection inspection;
    bool with_partitions; /* a line for each */
    bool without_notes;
    uint32_t partition; /* the one that is looked at, counted from 1 */
    const char *name;   /* its folder */
};

/* Called for each partition once it was looked through. */
typedef int look_callback(void *context, const char *folder, const struct inspect_known *known,
                          const struct inspect_log *found, struct error *error);

/* disk is borrowed. Errors: no data folder, a newer version's, the disk's. look_close in any case. */
MUST_USE int look_open(struct look *look, struct disk *disk, struct memory *memory, struct error *error);
void look_close(struct look *look);

/* All of it; findings are emitted as they come. 1: ended early, for the reader of the output has gone. */
MUST_USE int look_through(struct look *look, look_callback *callback, void *context, struct error *error);

struct inspect_known look_known(const struct look *look, const char *folder);
