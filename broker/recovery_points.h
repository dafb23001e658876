/* What the data folder's checkpoints say of every partition, as values that a pool job can write. */
#pragma once

#include "checkpoint.h"
#include "memory.h"

struct server;

struct recovery_points {
    struct memory *memory;
    struct checkpoint_offset *synced; /* one for each log: up to where it is synced */
    size_t synced_count;
    struct checkpoint_offset *starts; /* of logs that start past 0 */
    size_t starts_count;
    struct checkpoint_offset *cleaned; /* of logs that were compacted: up to where */
    size_t cleaned_count;
    uint64_t cleaned_changes; /* of the topics' clean states, counted */
    uint8_t *block;           /* holds all of it, the names too */
    size_t block_size;
};

/* What the files say: lists that were empty before and still are, or have not changed, are not written again. Zero:
 * nothing is known. */
struct recovery_points_written {
    bool starts_empty;
    bool cleaned_known;
    uint64_t cleaned_changes;
};

/* -ENOMEM */
MUST_USE int recovery_points_collect(struct server *server, struct recovery_points *points);
/* Blocking; on any thread. Without `durable` a power cut may bring older files back. */
MUST_USE int recovery_points_write(const struct recovery_points *points, struct disk *disk,
                                   struct recovery_points_written *written, bool durable, struct error *error);
/* What was collected last is durably on the disk: the logs are told of their starts. */
void recovery_points_note_saved(struct server *server);
void recovery_points_free(struct recovery_points *points);
