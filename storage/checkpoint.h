/* Kafka's checkpoint files: small texts, replaced as a whole.
 *
 *     0                   version
 *     2                   how many lines follow
 *     orders 0 12345      topic partition offset, in the data folder's files
 *     payments 3 7        or: epoch start_offset, in leader-epoch-checkpoint (epochs.h)
 *
 * The topic is the topic's name, not the folder's: ':' stands as it is. */
#pragma once

#include "file.h"
#include "writer.h"

#define CHECKPOINT_MAX_BYTES                                                                                           \
    ((size_t)4 << 20) /* a larger file is refused; names of usual length: 100,000 partitions                           \
                       */

struct checkpoint_offset {
    slice topic;
    int32_t partition;
    int64_t offset;
};

/* The slice is a part of the parsed text; a non-zero return ends the reading and is returned by it. */
typedef int checkpoint_offset_callback(void *context, const struct checkpoint_offset *entry);
typedef int checkpoint_epoch_callback(void *context, int32_t epoch, int64_t start_offset);

/* Errors: FURROW_WRONG_VERSION, FURROW_CORRUPT (a line that is no entry, fewer or more lines than announced). */
MUST_USE int checkpoint_parse_offsets(slice text, checkpoint_offset_callback *callback, void *context,
                                      struct error *error);
MUST_USE int checkpoint_parse_epochs(slice text, checkpoint_epoch_callback *callback, void *context,
                                     struct error *error);

void checkpoint_write_offsets(writer *w, const struct checkpoint_offset *entries, size_t count);

/* The folder is left to be synced (disk_replace_file_unsynced). Errors: the disk's; -ENOMEM, also when
 * CHECKPOINT_MAX_BYTES do not suffice. */
MUST_USE int checkpoint_replace_offsets_file(struct disk *disk, const char *path,
                                             const struct checkpoint_offset *entries, size_t count,
                                             struct error *error);
