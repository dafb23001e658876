/* Where copied files go: a folder, where each is synced, or a tar archive on a stream. */
#pragma once

#include "file.h"
#include "writer.h"

#include <stdio.h>

struct copy_target {
    struct disk *disk; /* borrowed; NULL: an archive */
    FILE *to;          /* the archive's */
    struct memory *memory;
    writer header;
    struct file *file;          /* that is written, in a folder */
    uint64_t size;              /* of the file that is written */
    uint64_t position;          /* in it */
    int64_t mtime;              /* seconds */
    char folder[DISK_PATH_MAX]; /* of the last file; its names are not synced yet */

    uint64_t files; /* counted */
    uint64_t bytes;
};

/* Makes the folder (its parent must be there), or takes one that is empty. -ENOTEMPTY. */
MUST_USE int copy_target_open_folder(const char *root, struct memory *memory, struct disk **disk, struct error *error);

void copy_target_open(struct copy_target *target, struct disk *disk, FILE *to, struct memory *memory);
void copy_target_close(struct copy_target *target);

/* One file after the other. `path` has at most one folder, made when it is missing; exactly `size` bytes are written.
 */
MUST_USE int copy_target_begin(struct copy_target *target, const char *path, uint64_t size, int64_t mtime,
                               struct error *error);
MUST_USE int copy_target_write(struct copy_target *target, slice bytes, struct error *error);
MUST_USE int copy_target_end(struct copy_target *target, struct error *error);
/* The three in one. */
MUST_USE int copy_target_put(struct copy_target *target, const char *path, slice bytes, int64_t mtime,
                             struct error *error);
/* After the last: everything is on the disk, or handed over. */
MUST_USE int copy_target_finish(struct copy_target *target, struct error *error);
