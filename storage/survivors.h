/* Which records stay: a bit for each, by its ordinal, in a file of its own, so that no number of records takes more
 * memory than one block. As long as one block is enough there is no file. */
#pragma once

#include "file.h"

#define SURVIVORS_BLOCK_BYTES   32768
#define SURVIVORS_BLOCK_RECORDS ((uint32_t)SURVIVORS_BLOCK_BYTES * 8)

struct survivors {
    struct disk *disk;
    struct file *file; /* NULL while there is only the block */
    uint8_t *block;
    uint32_t first; /* ordinal of the block's first bit */
    bool changed;
    char path[DISK_PATH_MAX];
};

/* `path` is made when it is needed. -ENOMEM. */
MUST_USE int survivors_open(struct survivors *survivors, struct disk *disk, const char *path);
/* Removes the file; what fails there is left for a start to remove. */
void survivors_close(struct survivors *survivors);

/* Brings the block with the ordinal into memory. The disk's errors. */
MUST_USE int survivors_load(struct survivors *survivors, uint32_t ordinal, struct error *error);

static inline bool survivors_is_loaded(const struct survivors *survivors, uint32_t ordinal)
{
    return ordinal - survivors->first < SURVIVORS_BLOCK_RECORDS;
}

/* Of the block in memory. */
static inline void survivors_set(struct survivors *survivors, uint32_t ordinal)
{
    uint32_t bit = ordinal - survivors->first;
    survivors->block[bit / 8] |= (uint8_t)(1U << (bit % 8));
    survivors->changed = true;
}

static inline bool survivors_get(const struct survivors *survivors, uint32_t ordinal)
{
    uint32_t bit = ordinal - survivors->first;
    return (survivors->block[bit / 8] >> (bit % 8) & 1) != 0;
}
