/* The only way to the disk.
 *
 * A `struct disk` is one data folder: a table of calls, so that tests put a simulated disk in its place. Paths are
 * relative to the data folder, with '/', and at most DISK_PATH_MAX bytes. Everything returns 0 or a negative errno; the
 * words in `error` name the call, and the path where one is given. Nothing here allocates but open files.
 *
 * Durability is the caller's to ask for: file_sync for a file's bytes and size, disk_sync_folder for the names in a
 * folder (created, renamed, removed), disk_sync_all for everything. After a failed sync nothing may be believed about
 * the unsynced bytes.
 *
 * Threads: calls on different files may run at once; reads and writes of one open file too (they name their position).
 * Opening and closing through one disk may happen on any thread. */
#pragma once

#include "memory.h"
#include "slice.h"
#include "status.h"

#include <sys/uio.h>

#define DISK_PATH_MAX 512 /* with the NUL byte; a topic's name has at most 249 characters, each may take 3 */

struct disk;
struct file;

enum file_mode {
    FILE_READ,       /* must exist */
    FILE_READ_WRITE, /* must exist */
    FILE_CREATE,     /* read and write; made when missing, kept as it is when there */
};

struct disk_entry {
    const char *name; /* valid during the call */
    bool is_folder;
};

/* Of the file system that the data folder is on, in bytes. */
struct disk_space {
    uint64_t total;
    uint64_t free; /* that this process may still write */
};

/* Called for each entry of a folder, in no order; a non-zero return ends the listing and is returned by it. */
typedef int disk_list_callback(void *context, const struct disk_entry *entry);

struct disk_ops {
    int (*open)(struct disk *disk, const char *path, enum file_mode mode, struct file **file);
    int (*list)(struct disk *disk, const char *folder, disk_list_callback *callback, void *context);
    int (*make_folder)(struct disk *disk, const char *path);
    int (*rename)(struct disk *disk, const char *from, const char *to);
    int (*remove_file)(struct disk *disk, const char *path);
    int (*remove_folder)(struct disk *disk, const char *path);
    int (*sync_folder)(struct disk *disk, const char *path);
    int (*sync_all)(struct disk *disk); /* NULL: it has no such call, or one that does not tell of every failure */
    int (*space)(struct disk *disk, struct disk_space *space);
    void (*close)(struct disk *disk);
};

struct disk {
    const struct disk_ops *ops;
    _Atomic bool sync_all_failed;
    struct memory *memory;
};

struct file_ops {
    int (*read)(struct file *file, void *to, size_t size, uint64_t position, size_t *got);
    int (*write)(struct file *file, const struct iovec *parts, int count, uint64_t position);
    int (*sync)(struct file *file);
    int (*truncate)(struct file *file, uint64_t size);
    int (*size)(struct file *file, uint64_t *size);
    bool (*cached)(struct file *file, uint64_t position, uint64_t size);
    void (*drop_cached)(struct file *file, uint64_t position, uint64_t size);
    void (*close)(struct file *file);
};

struct file {
    const struct file_ops *ops;
    int descriptor; /* for sendfile; -1 where the disk has none */
};

/* The real one: opens the folder `root`, which must exist. */
MUST_USE int disk_open_real(const char *root, struct memory *memory, struct disk **disk, struct error *error);
void disk_close(struct disk *disk);

MUST_USE int disk_open_file(struct disk *disk, const char *path, enum file_mode mode, struct file **file,
                            struct error *error);
/* Every entry but "." and "..". */
MUST_USE int disk_list(struct disk *disk, const char *folder, disk_list_callback *callback, void *context,
                       struct error *error);
/* 0 when it is there already. */
MUST_USE int disk_make_folder(struct disk *disk, const char *path, struct error *error);
/* Replaces what `to` names. */
MUST_USE int disk_rename(struct disk *disk, const char *from, const char *to, struct error *error);
MUST_USE int disk_remove_file(struct disk *disk, const char *path, struct error *error);
/* The folder and all that is in it; 0 when it is not there. */
MUST_USE int disk_remove_tree(struct disk *disk, const char *path, struct error *error);
/* "" is the data folder itself. */
MUST_USE int disk_sync_folder(struct disk *disk, const char *path, struct error *error);
/* Syncs all files and all names at once (syncfs), also those of others on the same file system: one pause for many
 * files. A failure may be about any of them: file_sync of each file still tells whether it is that one's. It is told
 * once, so a later success would prove nothing for those that were not asked since: after a failure there is no more
 * syncing of all. */
bool disk_can_sync_all(const struct disk *disk);
MUST_USE int disk_sync_all(struct disk *disk, struct error *error);
MUST_USE int disk_find_space(struct disk *disk, struct disk_space *space, struct error *error);

/* Small files: read whole into a ledger block of *size bytes (the caller frees it); refuses more than `limit`. */
MUST_USE int disk_read_file(struct disk *disk, const char *path, size_t limit, enum memory_purpose purpose,
                            uint8_t **bytes, size_t *size, struct error *error);
/* Small files: written under a temporary name, synced, renamed over `path`, the folder synced: old or new, never torn.
 */
MUST_USE int disk_replace_file(struct disk *disk, const char *path, slice bytes, struct error *error);
/* As disk_replace_file, but the folder is left to be synced by the caller, or by whatever syncs it next: until then a
 * power cut may bring the old file back. */
MUST_USE int disk_replace_file_unsynced(struct disk *disk, const char *path, slice bytes, struct error *error);

/* *got is less than `size` only at the end of the file. */
MUST_USE int file_read(struct file *file, void *to, size_t size, uint64_t position, size_t *got, struct error *error);
/* All parts or an error; a short write goes on until it fails. Bytes past `position` may be written then. */
MUST_USE int file_write(struct file *file, const struct iovec *parts, int count, uint64_t position,
                        struct error *error);
/* fdatasync. */
MUST_USE int file_sync(struct file *file, struct error *error);
MUST_USE int file_truncate(struct file *file, uint64_t size, struct error *error);
MUST_USE int file_size(struct file *file, uint64_t *size, struct error *error);
/* A guess whether reading the range would wait for the disk (preadv2 RWF_NOWAIT at its ends; true where unknown). */
bool file_is_cached(struct file *file, uint64_t position, uint64_t size);
/* What the page cache holds of the range is let go, unless it is still to be written: the next read asks the disk. */
void file_drop_cached(struct file *file, uint64_t position, uint64_t size);
void file_close(struct file *file);
