/* New segments in the place of old ones, as Kafka does it: a compacted segment is written under names that end in
 * `.cleaned`; when all of it is on the disk it gets names that end in `.swap`, the .log last. From that moment on the
 * new segment counts, and what it covers goes: the old segments with a base offset from its own up to its last offset.
 *
 *     1. s.log.swap is there, durably; the old files too.
 *     2. The old segments behind s go, the new indexes take the names of the old ones; the folder is synced.
 *     3. s.log.swap becomes s.log; the folder is synced.
 *
 * After a crash before 1 the old segments are as they were. After 1 a start does the rest: whichever of the names in 2
 * have reached the disk, the .swap tells what to do with the others. An index that was renamed already looks to it like
 * an old one and goes; recovery makes it again. Only the transaction index stays: a new one is made, empty or not,
 * where one of the old segments had one.
 *
 * While a server runs, steps 2 and 3 are done in the pool when the log has the new segment in its array already.
 * Readers of such a segment open a file by its name with .swap, or, when it is not there any more, without. */
#pragma once

#include "log_private.h"

#define SWAP_SUFFIX    ".swap"
#define CLEANED_SUFFIX ".cleaned"

#define SWAP_PATH_MAX  (DISK_PATH_MAX + 16)

/* One replacement. From the ledger. */
struct log_swap {
    uint32_t count; /* old segments, the one with the new one's base offset first */
    uint32_t capacity;
    int64_t bases[];
};

void log_swap_path(const char *folder, int64_t base_offset, enum segment_part part, const char *suffix,
                   char path[SWAP_PATH_MAX]);

struct log_swap *log_swap_create(struct memory *memory, uint32_t capacity);
void log_swap_free(struct memory *memory, struct log_swap *swap);

/* Step 1: from .cleaned to .swap. The files are synced. When it fails, either is there: log_swap_drop. */
MUST_USE int log_swap_announce(struct disk *disk, const char *folder, int64_t base_offset, struct error *error);
/* Steps 2 and 3; again after a failure, as often as need be. */
MUST_USE int log_swap_settle(const struct log_swap *swap, struct disk *disk, const char *folder, struct error *error);
/* Removes what there is of a new segment that does not count: by name, as far as the disk lets it. */
MUST_USE int log_swap_drop(struct disk *disk, const char *folder, int64_t base_offset, struct error *error);

/* At a start: does the rest of all replacements. *found is listed anew when there were any. */
MUST_USE int log_swap_complete(struct log_folder *found, struct disk *disk, const char *folder, struct memory *memory,
                               struct error *error);
/* Before a run: removes what an earlier one that failed has left. None of it may count. */
MUST_USE int log_swap_remove_strays(struct disk *disk, const char *folder, struct memory *memory, struct error *error);
