/* Open file handles are a cache: a bounded number of them, shared by all logs of a data folder.
 *
 * An entry is one open file, named by its path. Whoever uses it pins it (acquire, find, insert) and releases it soon: a
 * log at rest holds no entry. Unpinned entries stay open until room is needed; then the least recently used goes. Two
 * kinds never go: pinned ones, and those with unsynced bytes, for an error of writing them back is told only to a
 * handle that was open at the time. When only such are left, the bound is passed until some are released or synced.
 *
 * Every file is opened for reading and writing, so that a reader and the writer of a segment share a handle.
 *
 * It belongs to the loop's thread. A pool job gets the struct file of a pinned entry; one that has opened a file itself
 * hands it over by file_cache_insert, on the loop. */
#pragma once

#include "file.h"

struct file_cache;
struct file_cache_entry;

/* max_open: at least 1. */
MUST_USE int file_cache_create(struct disk *disk, uint32_t max_open, struct file_cache **cache);
/* Closes all. Nothing may be pinned; unsynced bytes are the caller's loss. */
void file_cache_close(struct file_cache *cache);

/* Pins the file, opening it when it is not open (one system call, or two where one must be closed first). FILE_READ and
 * FILE_READ_WRITE are the same here. Errors: the disk's, -ENOMEM. */
MUST_USE int file_cache_acquire(struct file_cache *cache, const char *path, enum file_mode mode,
                                struct file_cache_entry **entry, struct error *error);
/* Pins the file when it is open, else NULL; no system call. */
MUST_USE struct file_cache_entry *file_cache_find(struct file_cache *cache, const char *path);
/* Pins a file that the caller has opened with FILE_READ_WRITE or FILE_CREATE; the cache owns it from now on. When the
 * path is open already, the given one is closed and the entry that is there is pinned: go on with file_cache_file.
 * -ENOMEM: the file is still the caller's. */
MUST_USE int file_cache_insert(struct file_cache *cache, const char *path, struct file *file,
                               struct file_cache_entry **entry);
/* One for each pin. entry may be NULL. */
void file_cache_release(struct file_cache *cache, struct file_cache_entry *entry);

struct file *file_cache_file(const struct file_cache_entry *entry);

/* Of a pinned entry: written to and not synced, or all of it synced. */
void file_cache_mark_dirty(struct file_cache_entry *entry);
void file_cache_mark_synced(struct file_cache_entry *entry);

/* Before a file or a folder is renamed or removed: every path that starts with `prefix` is taken out, dirty or not, and
 * closed as soon as it is not pinned. End a folder's prefix with '/'. */
void file_cache_forget(struct file_cache *cache, const char *prefix);

/* Handles that are open now, the forgotten and still pinned ones included. */
uint32_t file_cache_open_count(const struct file_cache *cache);
