/* The files of one partition of a server that may be running, as they stood at one moment.
 *
 * Segments do not change but for the last one's end; they are removed (retention), and replaced by others of the same
 * name (compaction). So all files are opened first. When none of the names has come to mean another file by then, what
 * was opened stood together in the folder, and is copied from the handles at leisure; else it is all done again. Of the
 * last segment the whole batches are taken. A folder in this state is what a killed server leaves behind: the start
 * that recovers from that recovers from this.
 *
 * The last two segments go without their indexes, which the server may hold in memory; the start makes them. */
#pragma once

#include "file.h"
#include "uuid.h"

struct backup_file;

struct backup_partition {
    struct memory *memory;
    struct disk *disk;
    int root; /* descriptor of the data folder */
    const char *folder;
    struct backup_file *files; /* by name */
    uint32_t count;
    uint32_t capacity;
    bool is_swapping;   /* a compaction is replacing files, or was when the server was killed */
    uint32_t last;      /* of the files: the last segment; UINT32_MAX: there is none */
    int64_t end_offset; /* behind the last whole batch */
    uint32_t end_size;  /* bytes of the last segment */
};

/* -ENOENT: the partition was deleted, or deleted and made again (its topic id is another). */
MUST_USE int backup_partition_open(struct backup_partition *partition, struct disk *disk, int root, const char *folder,
                                   struct uuid topic_id, struct error *error);
void backup_partition_close(struct backup_partition *partition);

/* Called for each file to copy: `bytes` of it. Segments that end below log_start are left out. */
typedef int backup_copy(void *context, const char *path, struct file *file, uint64_t bytes, int64_t mtime,
                        struct error *error);
MUST_USE int backup_partition_copy(const struct backup_partition *partition, int64_t log_start, backup_copy *copy,
                                   void *context, struct error *error);
