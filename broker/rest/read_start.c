#include "rest/read_start.h"

#include "operations/operations.h"
#include "server.h"

#include <inttypes.h>
#include <stdio.h>

static int64_t start_of(const struct cursor *cursor, int32_t part)
{
    const struct log *log = reading_partition(cursor->reading, part)->log;
    return log != NULL ? log_start_offset(log) : 0;
}

/* ---- offsets ---- */

/* Before the log's start it is a gap, which is told where it is read; beyond the end nobody can be yet. */
static bool is_in_log(struct read_start *start, int32_t part, int64_t offset)
{
    const struct log *log = reading_partition(start->cursor->reading, part)->log;
    if (log == NULL || offset <= log_end_offset(log))
        return true;
    const struct record_part *named = &reading_parts(start->cursor->reading)[part];
    start->error = KAFKA_OFFSET_OUT_OF_RANGE;
    snprintf(start->words, sizeof start->words, "partition %d has no offset %" PRId64 ": it ends at %" PRId64,
             (int)named->partition, offset, log_end_offset(log));
    return false;
}

static void set_offset(struct read_start *start)
{
    struct cursor *cursor = start->cursor;
    for (int32_t i = 0; i < reading_part_count(cursor->reading); i++) {
        cursor->positions[i] = start->query->offset;
        if (!start->query->is_one && !is_in_log(start, i, start->query->offset))
            return;
    }
}

static void set_earliest(struct read_start *start)
{
    for (int32_t i = 0; i < reading_part_count(start->cursor->reading); i++)
        start->cursor->positions[i] = start_of(start->cursor, i);
}

static void set_latest(struct read_start *start)
{
    for (int32_t i = 0; i < reading_part_count(start->cursor->reading); i++)
        start->cursor->positions[i] = reading_end_offset(start->cursor->reading, i);
}

/* Places that are no part of the reading are passed over: partitions go, and so do topics. Whoever comes back to a log
 * that is shorter than it was is told of that where it is read. */
static void set_places(struct read_start *start)
{
    struct cursor *cursor = start->cursor;
    set_earliest(start);
    for (int32_t i = 0; i < reading_part_count(cursor->reading); i++) {
        const struct record_part *part = &reading_parts(cursor->reading)[i];
        uint32_t hash = read_place_hash(part->topic);
        for (const struct read_place *place = start->query->places; place != NULL; place = place->next) {
            if (read_place_names(place, part, hash))
                cursor->positions[i] = place->offset;
        }
    }
}

/* ---- times ---- */

static void end_one(struct read_start *start)
{
    if (--start->pending != 0)
        return;
    memory_free(start->server->memory, MEMORY_REQUESTS, start->finds, (size_t)start->count * sizeof *start->finds);
    start->done(start);
}

/* The cursor may have gone over to a reading with more partitions meanwhile. */
static void on_found(struct find_offset *find)
{
    struct read_start *start = find->context;
    struct cursor *cursor = start->cursor;
    if (find->error != KAFKA_NONE)
        start->error = find->error;
    for (int32_t i = 0; i < reading_part_count(cursor->reading); i++) {
        if (reading_partition(cursor->reading, i) == find->partition)
            cursor->positions[i] = find->offset >= 0 ? find->offset : reading_end_offset(cursor->reading, i);
    }
    end_one(start);
}

static void find_time(struct read_start *start)
{
    const struct reading *reading = start->cursor->reading;
    int32_t count = reading_part_count(reading);
    bool committed = start->query->committed;
    int64_t time = start->query->time;
    start->finds = memory_alloc_zeroed(start->server->memory, MEMORY_REQUESTS, (size_t)count * sizeof *start->finds);
    if (start->finds == NULL) {
        start->error = KAFKA_KAFKA_STORAGE_ERROR;
        start->done(start);
        return;
    }
    find_group_init(&start->group);
    start->count = count;
    start->pending = count + 1;
    for (int32_t i = 0; i < count; i++) {
        struct find_offset *find = &start->finds[i];
        find->group = &start->group;
        find->partition = reading_partition(reading, i);
        find->timestamp = time;
        find->committed = committed;
        find->done = on_found;
        find->context = start;
        find_offset_start(start->server->operations, find);
    }
    end_one(start);
}

void read_start_begin(struct read_start *start)
{
    start->error = KAFKA_NONE;
    start->words[0] = '\0';
    switch (start->query->begin) {
    case READ_TIME:
        find_time(start);
        return;
    case READ_OFFSET:
        set_offset(start);
        break;
    case READ_LATEST:
        set_latest(start);
        break;
    case READ_PLACES:
        set_places(start);
        break;
    case READ_EARLIEST:
    case READ_LAST:
        set_earliest(start);
        break;
    }
    start->done(start);
}
