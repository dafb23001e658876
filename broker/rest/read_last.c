#include "rest/read_last.h"

#include "container.h"
#include "rest/read_last_found.h"
#include "server.h"

#include <stdlib.h>

/* Nearly always enough: few records are missing before the end of a log. */
#define FIRST_DISTANCE(count) ((int64_t)(count) + 16)
#define FARTHER               8

static int32_t part_count(const struct read_last *last)
{
    return reading_part_count(last->cursor.reading);
}

static int64_t log_start_of(const struct read_last *last, int32_t part)
{
    const struct log *log = reading_partition(last->cursor.reading, part)->log;
    return log != NULL ? log_start_offset(log) : 0;
}

/* ---- the last ones of a topic ---- */

/* A record that is among the last ones: with each, those behind it in its partition are. So its time counts as no later
 * than theirs. */
struct candidate {
    int64_t timestamp;
    int64_t offset;
    int32_t part;
};

static int newest_first(const void *a, const void *b)
{
    const struct candidate *first = a, *second = b;
    if (first->timestamp != second->timestamp)
        return first->timestamp < second->timestamp ? 1 : -1;
    if (first->part != second->part)
        return first->part < second->part ? -1 : 1;
    return first->offset < second->offset ? 1 : -1;
}

static bool is_of_topic(const struct read_last *last, int32_t part, const struct topic *topic)
{
    return reading_partition(last->cursor.reading, part)->topic == topic;
}

static int32_t collect(const struct read_last *last, const struct topic *topic, struct candidate *candidates)
{
    const struct read_last_found *found = last->found;
    int32_t count = 0;
    for (uint32_t g = 0; g < found->group_count; g++) {
        const struct read_last_group *group = &found->groups[g];
        int64_t newest = INT64_MAX;
        for (int32_t i = group->seen - 1; i >= 0 && is_of_topic(last, group->part, topic); i--) {
            const struct record_place *place = read_last_found_get(found, group, i);
            newest = place->timestamp < newest ? place->timestamp : newest;
            candidates[count++] = (struct candidate){newest, place->offset, group->part};
        }
    }
    return count;
}

static void take_topic(struct read_last *last, const struct topic *topic, struct candidate *candidates)
{
    int32_t count = collect(last, topic, candidates);
    if (count != 0)
        qsort(candidates, (size_t)count, sizeof *candidates, newest_first);
    for (int32_t i = 0; i < count && i < last->count; i++) {
        int64_t *position = &last->cursor.positions[candidates[i].part];
        *position = candidates[i].offset < *position ? candidates[i].offset : *position;
    }
}

/* Parts stand together by topic. */
static void set_positions(struct read_last *last)
{
    struct memory *memory = last->server->memory;
    size_t size = ((size_t)last->found->group_count * (size_t)last->count + 1) * sizeof(struct candidate);
    struct candidate *candidates = memory_alloc(memory, MEMORY_REQUESTS, size);
    const struct topic *before = NULL;
    if (candidates == NULL)
        last->error = KAFKA_KAFKA_STORAGE_ERROR;
    for (int32_t i = 0; candidates != NULL && i < part_count(last); i++)
        last->cursor.positions[i] = last->ends[i];
    for (int32_t i = 0; candidates != NULL && i < part_count(last); i++) {
        const struct topic *topic = reading_partition(last->cursor.reading, i)->topic;
        if (topic != before)
            take_topic(last, topic, candidates);
        before = topic;
    }
    memory_free(memory, MEMORY_REQUESTS, candidates, size);
}

/* ---- those of each key ---- */

static int by_value(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

static void keep_part(struct read_last *last, int32_t part, int64_t *offsets, int32_t *count)
{
    const struct read_last_found *found = last->found;
    *count = 0;
    for (uint32_t g = 0; g < found->group_count; g++) {
        const struct read_last_group *group = &found->groups[g];
        for (int32_t i = 0; group->part == part && i < group->seen; i++)
            offsets[(*count)++] = read_last_found_get(found, group, i)->offset;
    }
    if (*count != 0)
        qsort(offsets, (size_t)*count, sizeof *offsets, by_value);
    last->cursor.positions[part] = *count != 0 ? offsets[0] : last->ends[part];
}

static void keep(struct read_last *last)
{
    int32_t parts = part_count(last);
    size_t places = 0;
    for (uint32_t g = 0; g < last->found->group_count; g++)
        places += (size_t)last->found->groups[g].seen;
    size_t size = sizeof *last->kept + (size_t)parts * sizeof last->kept->parts[0] + places * sizeof(int64_t);
    last->kept = memory_alloc_zeroed(last->server->memory, MEMORY_REQUESTS, size);
    if (last->kept == NULL) {
        last->error = KAFKA_KAFKA_STORAGE_ERROR;
        return;
    }
    last->kept->size = size;
    int64_t *offsets = (int64_t *)(void *)&last->kept->parts[parts];
    for (int32_t i = 0; i < parts; i++) {
        struct record_kept *kept = &last->kept->parts[i];
        keep_part(last, i, offsets, &kept->count);
        kept->offsets = offsets;
        kept->end = last->ends[i];
        offsets += kept->count;
    }
}

/* ---- rounds ---- */

static void finish(struct read_last *last)
{
    if (last->error == KAFKA_NONE && last->found->is_large)
        last->error = KAFKA_POLICY_VIOLATION;
    if (last->error == KAFKA_NONE && last->found->failed)
        last->error = KAFKA_KAFKA_STORAGE_ERROR;
    if (last->error == KAFKA_NONE && last->per_key)
        keep(last);
    else if (last->error == KAFKA_NONE)
        set_positions(last);
    last->done(last);
}

/* False: all that is wanted has been looked at. */
static bool begin_round(struct read_last *last)
{
    bool is_needed = false;
    for (int32_t i = 0; i < part_count(last); i++) {
        int64_t start = log_start_of(last, i), begin = last->ends[i] - last->distance;
        bool has_all = last->begins[i] <= start || read_last_found_count(last->found, i) >= last->count;
        if (!has_all)
            last->begins[i] = last->per_key || begin < start ? start : begin;
        is_needed |= !has_all;
    }
    if (!is_needed)
        return false;
    read_last_found_clear(last->found);
    for (int32_t i = 0; i < part_count(last); i++)
        last->cursor.positions[i] = last->begins[i];
    last->distance = last->distance < INT64_MAX / FARTHER ? last->distance * FARTHER : INT64_MAX;
    return true;
}

static bool round_has_ended(const struct read_last *last)
{
    bool has_ended = true;
    for (int32_t i = 0; i < part_count(last) && has_ended; i++)
        has_ended = last->cursor.positions[i] >= last->ends[i];
    return has_ended || last->found->is_large || last->found->failed;
}

static void take_places(struct read_last *last, const struct reading_step *step)
{
    for (size_t at = 0; step->bytes != NULL && at < step->bytes->size; at += sizeof(struct record_place)) {
        struct record_place place;
        memcpy(&place, step->bytes->data + at, sizeof place);
        bool has_key = place.key_tag != 0 || place.key_hash != 0;
        if (!last->per_key)
            place.key_tag = place.key_hash = 0;
        if (place.offset < last->ends[place.part] && (has_key || !last->per_key))
            read_last_found_add(last->found, &place);
    }
}

static void go_on(struct read_last *last)
{
    for (;;) {
        if (round_has_ended(last) && (last->found->is_large || last->found->failed || !begin_round(last)))
            break;
        struct reading_step *step = last->cursor.error == KAFKA_NONE ? cursor_find(&last->cursor) : NULL;
        last->error = step != NULL ? step->error : last->cursor.error;
        if (last->error != KAFKA_NONE)
            break;
        if (step == NULL)
            return;
        take_places(last, step);
        cursor_take(&last->cursor, step);
        if (!last->goes_on(last->context)) {
            last->error = KAFKA_REQUEST_TIMED_OUT;
            break;
        }
    }
    finish(last);
}

static void on_ready(struct cursor *cursor)
{
    go_on(CONTAINER_OF(cursor, struct read_last, cursor));
}

/* ---- its life ---- */

static size_t bounds_size(const struct read_last *last)
{
    return 2 * (size_t)part_count(last) * sizeof *last->begins;
}

enum kafka_error read_last_begin(struct read_last *last)
{
    struct memory *memory = last->server->memory;
    struct reading_wish wish = *last->wish;
    struct reading *reading;
    wish.output = RECORD_PLACES;
    wish.format = RECORD_FORMAT_AUTO;
    wish.hashes_keys = true; /* so that it keeps its partitions */
    enum kafka_error error = reading_open(last->server->record_readers, &wish, &reading);
    if (error != KAFKA_NONE)
        return error;
    if (cursor_open(&last->cursor, reading, on_ready) != 0) {
        reading_release(reading);
        last->cursor.reading = NULL;
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
    last->found = read_last_found_make(memory, last->count);
    last->begins = memory_alloc(memory, MEMORY_REQUESTS, bounds_size(last));
    if (last->found == NULL || last->begins == NULL)
        return KAFKA_KAFKA_STORAGE_ERROR;
    last->ends = last->begins + part_count(last);
    last->distance = FIRST_DISTANCE(last->count);
    for (int32_t i = 0; i < part_count(last); i++) {
        last->ends[i] = reading_end_offset(reading, i);
        last->begins[i] = last->ends[i];
        last->cursor.positions[i] = last->ends[i];
    }
    cursor_wake(&last->cursor);
    return KAFKA_NONE;
}

void read_last_close(struct read_last *last)
{
    struct memory *memory = last->server->memory;
    if (last->cursor.reading == NULL)
        return;
    memory_free(memory, MEMORY_REQUESTS, last->begins, bounds_size(last));
    if (last->found != NULL)
        read_last_found_free(last->found);
    if (last->kept != NULL)
        memory_free(memory, MEMORY_REQUESTS, last->kept, last->kept->size);
    cursor_close(&last->cursor);
    last->cursor.reading = NULL;
}
