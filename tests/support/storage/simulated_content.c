#include "simulated_content.h"

#include <stdlib.h>
#include <string.h>

/* A test without memory cannot go on. */
static void resize(struct simulated_bytes *bytes, uint64_t size)
{
    if (size > bytes->capacity) {
        uint64_t capacity = bytes->capacity != 0 ? bytes->capacity : 1024;
        while (capacity < size)
            capacity *= 2;
        uint8_t *data = realloc(bytes->data, (size_t)capacity);
        if (data == NULL)
            abort();
        bytes->data = data;
        bytes->capacity = capacity;
    }
    if (size > bytes->size)
        memset(bytes->data + bytes->size, 0, (size_t)(size - bytes->size));
    bytes->size = size;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void copy_range(struct simulated_bytes *to, const struct simulated_bytes *from, uint64_t start, uint64_t end)
{
    end = smaller(end, smaller(to->size, from->size));
    if (start < end)
        memcpy(to->data + start, from->data + start, (size_t)(end - start));
}

static void mark_dirty(struct simulated_content *content, uint64_t from, uint64_t to)
{
    if (content->dirty_from >= content->dirty_to) {
        content->dirty_from = from;
        content->dirty_to = to;
    } else {
        content->dirty_from = smaller(content->dirty_from, from);
        content->dirty_to = larger(content->dirty_to, to);
    }
}

static void mark_clean(struct simulated_content *content)
{
    content->dirty_from = content->dirty_to = 0;
}

void simulated_content_free(struct simulated_content *content)
{
    free(content->seen.data);
    free(content->synced.data);
    memset(content, 0, sizeof *content);
}

void simulated_content_write(struct simulated_content *content, const uint8_t *bytes, uint64_t size, uint64_t position)
{
    if (size == 0)
        return;
    mark_dirty(content, smaller(position, content->seen.size), position + size);
    resize(&content->seen, larger(content->seen.size, position + size));
    memcpy(content->seen.data + position, bytes, (size_t)size);
}

void simulated_content_truncate(struct simulated_content *content, uint64_t size)
{
    if (size != content->seen.size)
        mark_dirty(content, smaller(size, content->seen.size), larger(size, content->seen.size));
    resize(&content->seen, size);
}

void simulated_content_sync(struct simulated_content *content)
{
    resize(&content->synced, content->seen.size);
    copy_range(&content->synced, &content->seen, content->dirty_from, content->dirty_to);
    mark_clean(content);
}

static uint64_t sector_start(uint64_t position)
{
    return position / SIMULATED_SECTOR * SIMULATED_SECTOR;
}

void simulated_content_fail_sync(struct simulated_content *content, struct seeded_random *random)
{
    resize(&content->synced, content->seen.size);
    for (uint64_t at = sector_start(content->dirty_from); at < content->dirty_to; at += SIMULATED_SECTOR) {
        if (random_chance(random, 50))
            copy_range(&content->synced, &content->seen, at, at + SIMULATED_SECTOR);
        else
            copy_range(&content->seen, &content->synced, at, at + SIMULATED_SECTOR);
    }
    mark_clean(content);
}

static uint64_t surviving_size(const struct simulated_content *content, struct seeded_random *random)
{
    uint64_t seen = content->seen.size, synced = content->synced.size;
    switch (random_below(random, 3)) {
    case 0:
        return synced;
    case 1:
        return seen;
    default:
        return smaller(seen, synced) + random_below(random, larger(seen, synced) - smaller(seen, synced) + 1);
    }
}

static void let_sector_survive(struct simulated_content *content, uint64_t start, struct seeded_random *random)
{
    uint64_t end = start + SIMULATED_SECTOR;
    if (random_chance(random, 10)) { /* torn: one end of it only */
        uint64_t middle = start + random_below(random, SIMULATED_SECTOR);
        if (random_chance(random, 50))
            start = middle;
        else
            end = middle;
    }
    copy_range(&content->synced, &content->seen, start, end);
}

void simulated_content_power_cut(struct simulated_content *content, struct seeded_random *random)
{
    static const unsigned survivals[] = {0, 20, 50, 90, 100}; /* percent */
    if (simulated_content_is_synced(content))
        return;
    uint64_t old_size = content->synced.size;
    resize(&content->synced, surviving_size(content, random));
    if (random_chance(random, 30)) { /* what stood on those sectors before */
        for (uint64_t at = old_size; at < content->synced.size; at++)
            content->synced.data[at] = (uint8_t)random_next(random);
    }
    unsigned survival = survivals[random_below(random, sizeof survivals / sizeof survivals[0])];
    for (uint64_t at = sector_start(content->dirty_from); at < content->dirty_to; at += SIMULATED_SECTOR) {
        if (random_chance(random, survival))
            let_sector_survive(content, at, random);
    }
    resize(&content->seen, content->synced.size);
    copy_range(&content->seen, &content->synced, 0, content->synced.size);
    mark_clean(content);
}

bool simulated_content_is_synced(const struct simulated_content *content)
{
    return content->dirty_from >= content->dirty_to && content->seen.size == content->synced.size;
}
