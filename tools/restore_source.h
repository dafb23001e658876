/* What is restored: the files of a backup's folder, or of a tar archive that is read from a stream. */
#pragma once

#include "copy_target.h"
#include "progress.h"

#define RESTORE_COPY_BYTES ((size_t)256 << 10)

struct restore {
    struct memory *memory;
    struct copy_target *target;
    struct progress *progress;
    uint8_t *buffer; /* RESTORE_COPY_BYTES */
    /* Kept to be written last: while it is missing, nobody takes the folder for whole. */
    uint8_t *meta;
    size_t meta_size;
    int64_t meta_mtime;
};

/* Both write every file but meta.properties, which they keep. Errors: FURROW_CORRUPT for a name that no data folder has
 * and for an archive that is cut short or none; the disk's. */
MUST_USE int restore_from_folder(struct restore *restore, const char *root, struct error *error);
MUST_USE int restore_from_archive(struct restore *restore, FILE *from, struct error *error);
