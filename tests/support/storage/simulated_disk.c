#include "simulated_disk.h"

#include "seeded_random.h"
#include "simulated_names.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct simulated_disk {
    struct disk disk;
    pthread_mutex_t mutex; /* recursive; held for the length of each call */
    struct seeded_random random;
    struct simulated_names names;
    uint64_t boots; /* how often the power came back; files of an earlier one are dead */

    int64_t stop_countdown; /* calls before the power goes; -1: never */
    bool stopped;
    int64_t fail_countdown;        /* calls (of fail_call, or all) before the failure; -1: none */
    enum simulated_call fail_call; /* SIMULATED_CALLS: any */
    int fail_code;
    int64_t beside_countdown; /* calls before `beside` is called; -1: never */
    void (*beside)(void *context);
    void *beside_context;

    uint64_t space; /* bytes for all files */
    bool cached;

    uint64_t calls[SIMULATED_CALLS];
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint32_t open_files;
};

struct simulated_file {
    struct file file;
    struct simulated_disk *disk;
    struct simulated_node *node;
    uint64_t boot;
    bool writable;
};

static struct simulated_disk *of(const struct disk *disk)
{
    return (struct simulated_disk *)(void *)disk;
}

static pthread_mutex_t *hold(struct simulated_disk *disk)
{
    pthread_mutex_lock(&disk->mutex);
    return &disk->mutex;
}

static void let_go(pthread_mutex_t **mutex)
{
    pthread_mutex_unlock(*mutex);
}

/* Until the end of the function. */
#define HOLD(disk) pthread_mutex_t *held __attribute__((cleanup(let_go), unused)) = hold(disk)

/* ---- every call passes here first ---- */

enum outcome {
    WORKS,
    FAILS,     /* with the code asked for */
    POWER_GOES /* it may be done, or done in part; the caller is told -EIO */
};

static bool counts_down(int64_t *countdown)
{
    if (*countdown < 0)
        return false;
    return (*countdown)-- == 0;
}

static enum outcome begin_call(struct simulated_disk *disk, enum simulated_call call, int *rc)
{
    if (counts_down(&disk->beside_countdown))
        disk->beside(disk->beside_context);
    disk->calls[call]++;
    *rc = -EIO;
    if (disk->stopped)
        return FAILS;
    if (counts_down(&disk->stop_countdown)) {
        disk->stopped = true;
        return POWER_GOES;
    }
    if ((disk->fail_call == SIMULATED_CALLS || disk->fail_call == call) && counts_down(&disk->fail_countdown)) {
        *rc = disk->fail_code;
        return FAILS;
    }
    *rc = 0;
    return WORKS;
}

/* For calls that are done whole or not at all. */
static bool is_done(struct simulated_disk *disk, enum outcome outcome)
{
    return outcome == WORKS || (outcome == POWER_GOES && random_chance(&disk->random, 50));
}

/* ---- open files ---- */

static struct simulated_file *file_of(struct file *file)
{
    return (struct simulated_file *)(void *)file;
}

static enum outcome begin_file_call(struct simulated_file *file, enum simulated_call call, int *rc)
{
    enum outcome outcome = begin_call(file->disk, call, rc);
    if (file->boot == file->disk->boots)
        return outcome;
    *rc = -EIO;
    return FAILS;
}

/* What fails without power, or on a file of before, does nothing at all. */
static bool is_dead(const struct simulated_file *file, enum outcome outcome)
{
    return outcome == FAILS && (file->disk->stopped || file->boot != file->disk->boots);
}

static int simulated_read(struct file *base, void *to, size_t size, uint64_t position, size_t *got)
{
    HOLD(file_of(base)->disk);
    struct simulated_file *file = file_of(base);
    int rc;
    if (begin_file_call(file, SIMULATED_READ, &rc) != WORKS)
        return rc;
    const struct simulated_bytes *seen = &file->node->content.seen;
    size_t there = position < seen->size ? (size_t)(seen->size - position) : 0;
    *got = size < there ? size : there;
    if (*got > 1 && random_chance(&file->disk->random, 10)) /* a short read is legal anywhere */
        *got -= (size_t)random_below(&file->disk->random, *got);
    if (*got != 0)
        memcpy(to, seen->data + position, *got);
    file->disk->bytes_read += *got;
    return 0;
}

static uint64_t used_bytes(const struct simulated_disk *disk)
{
    uint64_t used = 0;
    for (size_t i = 0; i < disk->names.seen.count; i++)
        used += disk->names.seen.names[i].node->content.seen.size;
    return used;
}

/* Bytes of a write that end at `end` which still find room. */
static uint64_t fitting(const struct simulated_file *file, uint64_t position, uint64_t size)
{
    const struct simulated_disk *disk = file->disk;
    if (disk->space == UINT64_MAX)
        return size;
    uint64_t used = used_bytes(disk), own = file->node->content.seen.size;
    uint64_t may_end = own + (disk->space > used ? disk->space - used : 0);
    if (position + size <= may_end)
        return size;
    return may_end > position ? may_end - position : 0;
}

static void write_parts(struct simulated_file *file, const struct iovec *parts, int count, uint64_t position,
                        uint64_t size)
{
    for (int i = 0; i < count && size != 0; i++) {
        uint64_t part = parts[i].iov_len < size ? parts[i].iov_len : size;
        simulated_content_write(&file->node->content, parts[i].iov_base, part, position);
        position += part;
        size -= part;
    }
}

static int simulated_write(struct file *base, const struct iovec *parts, int count, uint64_t position)
{
    HOLD(file_of(base)->disk);
    struct simulated_file *file = file_of(base);
    struct simulated_disk *disk = file->disk;
    uint64_t asked = 0;
    for (int i = 0; i < count; i++)
        asked += parts[i].iov_len;
    int rc;
    enum outcome outcome = begin_file_call(file, SIMULATED_WRITE, &rc);
    if (is_dead(file, outcome))
        return rc;
    if (!file->writable)
        return -EBADF;
    uint64_t size = fitting(file, position, asked);
    if (outcome == WORKS && size < asked)
        rc = -ENOSPC;
    if (outcome != WORKS)
        size = random_below(&disk->random, size + 1);
    write_parts(file, parts, count, position, size);
    disk->bytes_written += size;
    return rc;
}

static int simulated_sync(struct file *base)
{
    HOLD(file_of(base)->disk);
    struct simulated_file *file = file_of(base);
    int rc;
    enum outcome outcome = begin_file_call(file, SIMULATED_SYNC, &rc);
    if (is_dead(file, outcome) || outcome == POWER_GOES)
        return rc;
    bool fails = outcome == FAILS || file->node->sync_failed;
    file->node->sync_failed = false;
    if (!fails) {
        simulated_content_sync(&file->node->content);
        return 0;
    }
    simulated_content_fail_sync(&file->node->content, &file->disk->random);
    return rc != 0 ? rc : -EIO;
}

static int simulated_truncate(struct file *base, uint64_t size)
{
    HOLD(file_of(base)->disk);
    struct simulated_file *file = file_of(base);
    int rc;
    enum outcome outcome = begin_file_call(file, SIMULATED_TRUNCATE, &rc);
    if (outcome == WORKS && !file->writable)
        return -EINVAL;
    if (is_done(file->disk, outcome))
        simulated_content_truncate(&file->node->content, size);
    return rc;
}

static int simulated_size(struct file *base, uint64_t *size)
{
    HOLD(file_of(base)->disk);
    struct simulated_file *file = file_of(base);
    int rc;
    if (begin_file_call(file, SIMULATED_SIZE, &rc) != WORKS)
        return rc;
    *size = file->node->content.seen.size;
    return 0;
}

static bool simulated_cached(struct file *base, uint64_t position, uint64_t size)
{
    HOLD(file_of(base)->disk);
    (void)position, (void)size;
    return file_of(base)->disk->cached;
}

/* It has no cache. */
static void simulated_drop_cached(struct file *base, uint64_t position, uint64_t size)
{
    (void)base, (void)position, (void)size;
}

static void simulated_close_file(struct file *base)
{
    struct simulated_file *file = file_of(base);
    HOLD(file->disk);
    file->node->open_files--;
    file->disk->open_files--;
    memory_free(file->disk->disk.memory, MEMORY_LOGS, file, sizeof *file);
}

static const struct file_ops simulated_file_ops = {
    .read = simulated_read,
    .write = simulated_write,
    .sync = simulated_sync,
    .truncate = simulated_truncate,
    .size = simulated_size,
    .cached = simulated_cached,
    .drop_cached = simulated_drop_cached,
    .close = simulated_close_file,
};

/* ---- names ---- */

static int check_open(const struct simulated_disk *disk, const char *path, enum file_mode mode,
                      struct simulated_node **node)
{
    char name[SIMULATED_NAME_MAX];
    *node = simulated_names_find(&disk->names, path);
    if (*node != NULL)
        return (*node)->is_folder ? -EISDIR : 0;
    return mode == FILE_CREATE && simulated_names_find_folder(&disk->names, path, name) != NULL ? 0 : -ENOENT;
}

static int simulated_open(struct disk *base, const char *path, enum file_mode mode, struct file **opened)
{
    HOLD(of(base));
    struct simulated_disk *disk = of(base);
    struct simulated_file *file = memory_alloc_zeroed(base->memory, MEMORY_LOGS, sizeof *file);
    if (file == NULL)
        return -ENOMEM;
    int rc;
    enum outcome outcome = begin_call(disk, SIMULATED_OPEN, &rc);
    struct simulated_node *node;
    int found = check_open(disk, path, mode, &node);
    if (found == 0 && node == NULL && is_done(disk, outcome))
        node = simulated_names_make(&disk->names, path, false);
    if (outcome != WORKS || found != 0) {
        memory_free(base->memory, MEMORY_LOGS, file, sizeof *file);
        return outcome != WORKS ? rc : found;
    }
    *file = (struct simulated_file){.file = {.ops = &simulated_file_ops, .descriptor = -1},
                                    .disk = disk,
                                    .node = node,
                                    .boot = disk->boots,
                                    .writable = mode != FILE_READ};
    node->open_files++;
    disk->open_files++;
    *opened = &file->file;
    return 0;
}

static int simulated_list(struct disk *base, const char *path, disk_list_callback *callback, void *context)
{
    HOLD(of(base));
    struct simulated_disk *disk = of(base);
    int rc;
    if (begin_call(disk, SIMULATED_LIST, &rc) != WORKS)
        return rc;
    const struct simulated_node *folder = simulated_names_find(&disk->names, path);
    if (folder == NULL || !folder->is_folder)
        return folder == NULL ? -ENOENT : -ENOTDIR;
    for (size_t i = 0; i < disk->names.seen.count && rc == 0; i++) {
        const struct simulated_name *name = &disk->names.seen.names[i];
        struct disk_entry entry = {.name = name->name, .is_folder = name->node->is_folder};
        if (name->folder == folder)
            rc = callback(context, &entry);
    }
    return rc;
}

static int simulated_make_folder(struct disk *base, const char *path)
{
    HOLD(of(base));
    struct simulated_disk *disk = of(base);
    int rc;
    enum outcome outcome = begin_call(disk, SIMULATED_MAKE_FOLDER, &rc);
    char name[SIMULATED_NAME_MAX];
    int found = 0;
    if (simulated_names_find(&disk->names, path) != NULL)
        found = -EEXIST;
    else if (simulated_names_find_folder(&disk->names, path, name) == NULL)
        found = -ENOENT;
    if (found == 0 && is_done(disk, outcome))
        simulated_names_make(&disk->names, path, true);
    return outcome == WORKS ? found : rc;
}

static int check_rename(const struct simulated_disk *disk, const char *from, const char *to)
{
    char name[SIMULATED_NAME_MAX];
    const struct simulated_node *node = simulated_names_find(&disk->names, from);
    if (node == NULL || simulated_names_find_folder(&disk->names, to, name) == NULL)
        return -ENOENT;
    const struct simulated_node *target = simulated_names_find(&disk->names, to);
    if (target == NULL || target == node)
        return 0;
    if (target->is_folder != node->is_folder)
        return target->is_folder ? -EISDIR : -ENOTDIR;
    return target->is_folder && !simulated_names_is_empty(&disk->names, target) ? -ENOTEMPTY : 0;
}

static int simulated_rename(struct disk *base, const char *from, const char *to)
{
    HOLD(of(base));
    struct simulated_disk *disk = of(base);
    int rc;
    enum outcome outcome = begin_call(disk, SIMULATED_RENAME, &rc);
    int found = check_rename(disk, from, to);
    if (found == 0 && is_done(disk, outcome))
        simulated_names_rename(&disk->names, from, to);
    return outcome == WORKS ? found : rc;
}

static int remove_node(struct disk *base, const char *path, bool folder)
{
    HOLD(of(base));
    struct simulated_disk *disk = of(base);
    int rc;
    enum outcome outcome = begin_call(disk, SIMULATED_REMOVE, &rc);
    const struct simulated_node *node = simulated_names_find(&disk->names, path);
    int found = 0;
    if (node == NULL)
        found = -ENOENT;
    else if (node->is_folder != folder)
        found = folder ? -ENOTDIR : -EISDIR;
    else if (folder && !simulated_names_is_empty(&disk->names, node))
        found = -ENOTEMPTY;
    if (found == 0 && is_done(disk, outcome))
        simulated_names_remove(&disk->names, path);
    return outcome == WORKS ? found : rc;
}

static int simulated_remove_file(struct disk *disk, const char *path)
{
    return remove_node(disk, path, false);
}

static int simulated_remove_folder(struct disk *disk, const char *path)
{
    return remove_node(disk, path, true);
}

static int simulated_sync_folder(struct disk *base, const char *path)
{
    HOLD(of(base));
    struct simulated_disk *disk = of(base);
    int rc;
    if (begin_call(disk, SIMULATED_SYNC_FOLDER, &rc) != WORKS)
        return rc;
    const struct simulated_node *folder = simulated_names_find(&disk->names, path);
    if (folder == NULL || !folder->is_folder)
        return folder == NULL ? -ENOENT : -ENOTDIR;
    simulated_names_sync(&disk->names, folder);
    return 0;
}

static int simulated_sync_all(struct disk *base)
{
    HOLD(of(base));
    struct simulated_disk *disk = of(base);
    int rc;
    enum outcome outcome = begin_call(disk, SIMULATED_SYNC_ALL, &rc);
    if (outcome == POWER_GOES || disk->stopped)
        return rc;
    for (struct simulated_node *node = disk->names.nodes; node != NULL; node = node->next) {
        if (outcome == WORKS && node->is_folder)
            simulated_names_sync(&disk->names, node);
        if (node->is_folder)
            continue;
        if (outcome == FAILS && random_chance(&disk->random, 50))
            node->sync_failed |= !simulated_content_is_synced(&node->content);
        else if (!node->sync_failed)
            simulated_content_sync(&node->content);
    }
    return rc;
}

static int simulated_space(struct disk *base, struct disk_space *space)
{
    HOLD(of(base));
    struct simulated_disk *disk = of(base);
    int rc;
    if (begin_call(disk, SIMULATED_SPACE, &rc) != WORKS)
        return rc;
    uint64_t used = used_bytes(disk);
    space->total = disk->space;
    space->free = disk->space > used ? disk->space - used : 0;
    return 0;
}

static void simulated_close(struct disk *base)
{
    struct simulated_disk *disk = of(base);
    simulated_names_free(&disk->names);
    pthread_mutex_destroy(&disk->mutex);
    free(disk);
}

static const struct disk_ops simulated_disk_ops = {
    .open = simulated_open,
    .list = simulated_list,
    .make_folder = simulated_make_folder,
    .rename = simulated_rename,
    .remove_file = simulated_remove_file,
    .remove_folder = simulated_remove_folder,
    .sync_folder = simulated_sync_folder,
    .sync_all = simulated_sync_all,
    .space = simulated_space,
    .close = simulated_close,
};

/* ---- what tests do with it ---- */

struct disk *simulated_disk_create(struct memory *memory, uint64_t seed)
{
    struct simulated_disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL)
        abort();
    disk->disk = (struct disk){.ops = &simulated_disk_ops, .memory = memory};
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&disk->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    disk->random.state = seed;
    disk->stop_countdown = disk->fail_countdown = disk->beside_countdown = -1;
    disk->space = UINT64_MAX;
    disk->cached = true;
    simulated_names_init(&disk->names);
    return &disk->disk;
}

void simulated_disk_power_cut(struct disk *base, uint64_t seed)
{
    struct simulated_disk *disk = of(base);
    struct seeded_random random = {.state = seed};
    simulated_names_power_cut(&disk->names, &random);
    for (struct simulated_node *node = disk->names.nodes; node != NULL; node = node->next)
        node->sync_failed = false;
    disk->disk.sync_all_failed = false;
    disk->boots++;
    disk->stopped = false;
    disk->stop_countdown = -1;
}

void simulated_disk_stop_at(struct disk *disk, int64_t nth)
{
    of(disk)->stop_countdown = nth;
}

bool simulated_disk_is_stopped(const struct disk *disk)
{
    return of(disk)->stopped;
}

void simulated_disk_fail_call_at(struct disk *base, enum simulated_call call, int64_t nth, int code)
{
    struct simulated_disk *disk = of(base);
    HOLD(disk);
    disk->fail_call = call;
    disk->fail_countdown = nth;
    disk->fail_code = code;
}

void simulated_disk_fail_at(struct disk *disk, int64_t nth, int code)
{
    simulated_disk_fail_call_at(disk, SIMULATED_CALLS, nth, code);
}

bool simulated_disk_fail_pending(const struct disk *disk)
{
    HOLD(of(disk));
    return of(disk)->fail_countdown >= 0;
}

void simulated_disk_beside_at(struct disk *base, int64_t nth, void (*beside)(void *context), void *context)
{
    struct simulated_disk *disk = of(base);
    disk->beside_countdown = nth;
    disk->beside = beside;
    disk->beside_context = context;
}

bool simulated_disk_outlived(struct disk *base, int64_t nth)
{
    struct simulated_disk *disk = of(base);
    bool outlived = nth > 0 && simulated_disk_fail_pending(base);
    simulated_names_free(&disk->names);
    simulated_names_init(&disk->names);
    simulated_disk_fail_at(base, outlived ? -1 : nth, -EIO);
    return outlived;
}

void simulated_disk_set_space(struct disk *disk, uint64_t bytes)
{
    of(disk)->space = bytes;
}

void simulated_disk_set_cached(struct disk *disk, bool cached)
{
    of(disk)->cached = cached;
}

static bool flip(struct simulated_bytes *bytes, uint64_t bit)
{
    if (bit / 8 >= bytes->size)
        return false;
    bytes->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    return true;
}

bool simulated_disk_flip_bit(struct disk *disk, const char *path, uint64_t bit)
{
    struct simulated_node *node = simulated_names_find(&of(disk)->names, path);
    if (node == NULL || !flip(&node->content.seen, bit))
        return false;
    (void)flip(&node->content.synced, bit);
    return true;
}

uint64_t simulated_disk_calls_of(const struct disk *disk, enum simulated_call call)
{
    return of(disk)->calls[call];
}

uint64_t simulated_disk_calls(const struct disk *disk)
{
    uint64_t calls = 0;
    for (int call = 0; call < SIMULATED_CALLS; call++)
        calls += of(disk)->calls[call];
    return calls;
}

uint64_t simulated_disk_bytes_read(const struct disk *disk)
{
    return of(disk)->bytes_read;
}

uint64_t simulated_disk_bytes_written(const struct disk *disk)
{
    return of(disk)->bytes_written;
}

uint32_t simulated_disk_open_files(const struct disk *disk)
{
    return of(disk)->open_files;
}

bool simulated_disk_is_all_synced(const struct disk *disk)
{
    const struct simulated_names *names = &of(disk)->names;
    if (names->pending_count != 0)
        return false;
    for (size_t i = 0; i < names->seen.count; i++) {
        if (!simulated_content_is_synced(&names->seen.names[i].node->content))
            return false;
    }
    return true;
}
