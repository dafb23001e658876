#include "file_cache.h"

#include <errno.h>
#include <stddef.h>

/* uthash allocates through the ledger of the table at hand. */
#define HASH_NONFATAL_OOM         1
#define uthash_malloc(size)       memory_alloc(cache->memory, MEMORY_LOGS, size)
#define uthash_free(block, size)  memory_free(cache->memory, MEMORY_LOGS, block, size)
#define uthash_nonfatal_oom(item) ((void)0)
#include <uthash.h>
#include <utlist.h>

struct file_cache_entry {
    struct file *file;
    uint32_t pins;
    bool dirty;
    bool forgotten;                       /* not in the table; closed by its last release */
    struct file_cache_entry *prev, *next; /* among the idle ones */
    UT_hash_handle hh;
    size_t path_size; /* without the NUL byte */
    char path[];
};

struct file_cache {
    struct disk *disk;
    struct memory *memory;
    uint32_t max_open;
    uint32_t open_count;
    struct file_cache_entry *table;
    struct file_cache_entry *idle; /* not pinned and not dirty: those that may be closed; least recently used first */
};

int file_cache_create(struct disk *disk, uint32_t max_open, struct file_cache **cache)
{
    struct file_cache *made = memory_alloc_zeroed(disk->memory, MEMORY_LOGS, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    made->disk = disk;
    made->memory = disk->memory;
    made->max_open = max_open != 0 ? max_open : 1;
    *cache = made;
    return 0;
}

static bool is_idle(const struct file_cache_entry *entry)
{
    return entry->pins == 0 && !entry->dirty;
}

/* Closes an entry that is in no list and in no table any more. */
static void close_entry(struct file_cache *cache, struct file_cache_entry *entry)
{
    file_close(entry->file);
    cache->open_count--;
    memory_free(cache->memory, MEMORY_LOGS, entry, sizeof *entry + entry->path_size + 1);
}

static void take_out(struct file_cache *cache, struct file_cache_entry *entry)
{
    if (is_idle(entry))
        DL_DELETE(cache->idle, entry);
    HASH_DEL(cache->table, entry);
}

static bool close_oldest(struct file_cache *cache)
{
    struct file_cache_entry *oldest = cache->idle;
    if (oldest == NULL)
        return false;
    take_out(cache, oldest);
    close_entry(cache, oldest);
    return true;
}

static void keep_bound(struct file_cache *cache)
{
    while (cache->open_count > cache->max_open && close_oldest(cache))
        ;
}

void file_cache_close(struct file_cache *cache)
{
    struct file_cache_entry *entry, *next;
    HASH_ITER (hh, cache->table, entry, next) {
        take_out(cache, entry);
        close_entry(cache, entry);
    }
    memory_free(cache->memory, MEMORY_LOGS, cache, sizeof *cache);
}

static void pin(struct file_cache *cache, struct file_cache_entry *entry)
{
    if (is_idle(entry))
        DL_DELETE(cache->idle, entry);
    entry->pins++;
}

struct file_cache_entry *file_cache_find(struct file_cache *cache, const char *path)
{
    struct file_cache_entry *entry;
    HASH_FIND(hh, cache->table, path, strlen(path), entry);
    if (entry != NULL)
        pin(cache, entry);
    return entry;
}

/* Pinned once, or NULL without memory. */
static struct file_cache_entry *add(struct file_cache *cache, const char *path, struct file *file)
{
    size_t path_size = strlen(path);
    size_t size = sizeof(struct file_cache_entry) + path_size + 1;
    struct file_cache_entry *entry = memory_alloc(cache->memory, MEMORY_LOGS, size);
    if (entry == NULL)
        return NULL;
    *entry = (struct file_cache_entry){.file = file, .pins = 1, .path_size = path_size};
    memcpy(entry->path, path, path_size + 1);
    HASH_ADD_KEYPTR(hh, cache->table, entry->path, path_size, entry);
    if (entry->hh.tbl == NULL) {
        memory_free(cache->memory, MEMORY_LOGS, entry, size);
        return NULL;
    }
    cache->open_count++;
    return entry;
}

/* Other parts of the process may have taken the descriptors: then the cache makes do with fewer. */
static int open_or_make_room(struct file_cache *cache, const char *path, enum file_mode mode, struct file **file,
                             struct error *error)
{
    for (;;) {
        int rc = disk_open_file(cache->disk, path, mode, file, error);
        if ((rc != -EMFILE && rc != -ENFILE) || !close_oldest(cache))
            return rc;
    }
}

int file_cache_acquire(struct file_cache *cache, const char *path, enum file_mode mode, struct file_cache_entry **entry,
                       struct error *error)
{
    *entry = file_cache_find(cache, path);
    if (*entry != NULL)
        return 0;
    if (cache->open_count >= cache->max_open)
        close_oldest(cache);

    struct file *file;
    int rc = open_or_make_room(cache, path, mode == FILE_CREATE ? FILE_CREATE : FILE_READ_WRITE, &file, error);
    if (rc != 0)
        return rc;
    *entry = add(cache, path, file);
    if (*entry == NULL) {
        file_close(file);
        return error_set_status(error, -ENOMEM, "open %s", path);
    }
    return 0;
}

int file_cache_insert(struct file_cache *cache, const char *path, struct file *file, struct file_cache_entry **entry)
{
    *entry = file_cache_find(cache, path);
    if (*entry != NULL) {
        file_close(file);
        return 0;
    }
    *entry = add(cache, path, file);
    if (*entry == NULL)
        return -ENOMEM;
    keep_bound(cache);
    return 0;
}

void file_cache_release(struct file_cache *cache, struct file_cache_entry *entry)
{
    if (entry == NULL)
        return;
    entry->pins--;
    if (entry->pins != 0)
        return;
    if (entry->forgotten) {
        close_entry(cache, entry);
    } else if (!entry->dirty) {
        DL_APPEND(cache->idle, entry);
        keep_bound(cache);
    }
}

struct file *file_cache_file(const struct file_cache_entry *entry)
{
    return entry->file;
}

void file_cache_mark_dirty(struct file_cache_entry *entry)
{
    entry->dirty = true;
}

void file_cache_mark_synced(struct file_cache_entry *entry)
{
    entry->dirty = false;
}

void file_cache_forget(struct file_cache *cache, const char *prefix)
{
    size_t size = strlen(prefix);
    struct file_cache_entry *entry, *next;
    HASH_ITER (hh, cache->table, entry, next) {
        if (strncmp(entry->path, prefix, size) != 0)
            continue;
        take_out(cache, entry);
        entry->forgotten = true;
        if (entry->pins == 0)
            close_entry(cache, entry);
    }
}

uint32_t file_cache_open_count(const struct file_cache *cache)
{
    return cache->open_count;
}
