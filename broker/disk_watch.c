#include "disk_watch.h"

#include <errno.h>
#include <inttypes.h>

#define LOOK_AGAIN_MS 1000
#define LEAST_RESERVE ((uint64_t)4 << 20)

void disk_watch_init(struct disk_watch *watch, struct disk *disk, struct logger *logger, uint64_t reserve)
{
    *watch = (struct disk_watch){.disk = disk, .logger = logger, .reserve = reserve};
}

/* Bytes that may be taken before the reserve is touched, as far as is known. */
static uint64_t room(const struct disk_watch *watch)
{
    uint64_t used = watch->reserve + watch->taken;
    return watch->free > used ? watch->free - used : 0;
}

static void close_door(struct disk_watch *watch, uint64_t now)
{
    watch->is_full = true;
    if (watch->is_said)
        return;
    watch->is_said = true;
    watch->said_at = now;
    if (watch->logger != NULL)
        log_line_limited(watch->logger, &watch->limit, LOG_ERROR, "storage",
                         "free_bytes=%" PRIu64 " reserve_bytes=%" PRIu64
                         " the disk is full: records are refused, reading goes on",
                         watch->free, watch->reserve);
}

/* Not before the door has been open for a while: a write may fail at once. */
static void say_space(struct disk_watch *watch, uint64_t now)
{
    if (!watch->is_said)
        return;
    watch->is_said = false;
    if (watch->logger != NULL)
        log_line_limited(watch->logger, &watch->limit, LOG_WARN, "storage",
                         "free_bytes=%" PRIu64 " reserve_bytes=%" PRIu64 " after_ms=%" PRIu64
                         " the disk has space again: records are taken",
                         watch->free, watch->reserve, now - watch->said_at);
}

static void look(struct disk_watch *watch, uint64_t now)
{
    struct disk_space space;
    bool was_full = watch->is_full;
    watch->has_looked = true;
    watch->looked_at = now;
    watch->taken = 0;
    if (disk_find_space(watch->disk, &space, NULL) != 0)
        space.free = UINT64_MAX; /* where nothing is known, writes themselves will tell */
    watch->free = space.free;
    uint64_t wanted = watch->reserve + (was_full ? watch->reserve / 16 : 0);
    watch->is_full = false;
    if (watch->free < wanted)
        close_door(watch, now);
    else if (!was_full)
        say_space(watch, now);
    if (watch->free / 2 < watch->reserve && watch->on_low != NULL)
        watch->on_low(watch->on_low_context);
}

/* Once a second, and while records are taken also when half of the room may be gone. */
static bool must_look(const struct disk_watch *watch, uint64_t bytes, uint64_t now)
{
    if (watch->reserve == 0 && !watch->is_said)
        return false;
    if (!watch->has_looked || now - watch->looked_at >= LOOK_AGAIN_MS)
        return true;
    return !watch->is_full && bytes + watch->taken > room(watch);
}

bool disk_watch_take(struct disk_watch *watch, uint64_t bytes, uint64_t now)
{
    if (must_look(watch, bytes, now))
        look(watch, now);
    if (!watch->is_full && watch->reserve != 0 && bytes > room(watch))
        close_door(watch, now);
    if (watch->is_full)
        return false;
    watch->taken += bytes;
    return true;
}

bool disk_watch_has_space(struct disk_watch *watch, uint64_t now)
{
    return disk_watch_take(watch, 0, now);
}

void disk_watch_note_failure(struct disk_watch *watch, int status, uint64_t now)
{
    if (status != -ENOSPC && status != -EDQUOT)
        return;
    watch->has_looked = true;
    watch->looked_at = now;
    close_door(watch, now);
}

uint64_t disk_watch_default_reserve(uint64_t total, uint64_t segment_bytes)
{
    uint64_t reserve = 2 * segment_bytes > LEAST_RESERVE ? 2 * segment_bytes : LEAST_RESERVE;
    return reserve < total / 20 ? reserve : total / 20;
}
