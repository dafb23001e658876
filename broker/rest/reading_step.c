#include "rest/reading_private.h"

static size_t positions_size(const struct reading_step *step)
{
    return (size_t)step->reading->wish.part_count * sizeof(int64_t);
}

/* What it takes, as the cache counts it. */
static size_t cost(const struct reading_step *step)
{
    return sizeof *step + 2 * positions_size(step) + (step->bytes != NULL ? step->bytes->size : 0);
}

struct reading_step *step_find(const struct reading *reading, const int64_t *positions, int32_t turn, int32_t limit)
{
    size_t size = (size_t)reading->wish.part_count * sizeof *positions;
    for (struct reading_step *step = reading->steps; step != NULL; step = step->next) {
        if (step->turn == turn && step->limit == limit && memcmp(step->positions, positions, size) == 0)
            return step;
    }
    return NULL;
}

struct reading_step *step_add(struct reading *reading, const int64_t *positions, int32_t turn, int32_t limit)
{
    struct record_readers *readers = reading->readers;
    struct reading_step *step = memory_alloc_zeroed(readers->memory, MEMORY_RESPONSES, sizeof *step);
    if (step == NULL)
        return NULL;
    step->reading = reading;
    step->turn = turn;
    step->limit = limit;
    step->first_offset = -1;
    step->gap.part = -1;
    step->positions = memory_alloc(readers->memory, MEMORY_RESPONSES, 2 * positions_size(step));
    if (step->positions == NULL) {
        memory_free(readers->memory, MEMORY_RESPONSES, step, sizeof *step);
        return NULL;
    }
    step->after = step->positions + reading->wish.part_count;
    memcpy(step->positions, positions, positions_size(step));
    memcpy(step->after, positions, positions_size(step));
    cursor_queue_init(&step->waiters);
    step->next = reading->steps;
    if (step->next != NULL)
        step->next->previous = step;
    reading->steps = step;
    reading->holds++; /* until it is made */
    return step;
}

void step_queue(struct reading_step *step)
{
    struct record_readers *readers = step->reading->readers;
    step->state = STEP_QUEUED;
    step->next_start = NULL;
    *readers->last_start = step;
    readers->last_start = &step->next_start;
    turn_end_ask(&readers->turn_end);
}

/* ---- the cache ---- */

static void link_as_newest(struct reading_step *step)
{
    struct record_readers *readers = step->reading->readers;
    step->newer = NULL;
    step->older = readers->newest;
    *(step->older != NULL ? &step->older->newer : &readers->oldest) = step;
    readers->newest = step;
}

static void unlink_by_use(struct reading_step *step)
{
    struct record_readers *readers = step->reading->readers;
    *(step->newer != NULL ? &step->newer->older : &readers->newest) = step->older;
    *(step->older != NULL ? &step->older->newer : &readers->oldest) = step->newer;
}

void step_touch(struct reading_step *step)
{
    unlink_by_use(step);
    link_as_newest(step);
}

static void make_room(struct record_readers *readers)
{
    struct reading_step *step = readers->oldest;
    while (step != NULL && readers->cached > readers->cached_limit) {
        struct reading_step *newer = step->newer;
        if (step->offers == 0)
            step_remove(step);
        step = newer;
    }
}

void step_made(struct reading_step *step)
{
    struct reading *reading = step->reading;
    struct record_readers *readers = reading->readers;
    step->state = STEP_MADE;
    link_as_newest(step);
    readers->cached += cost(step);
    while (step->waiters.first != NULL) {
        struct cursor *cursor = step->waiters.first;
        cursor_queue_remove(cursor);
        cursor->offered = step;
        step->offers++;
        cursor_queue_add(&readers->ready, cursor);
    }
    turn_end_ask(&readers->turn_end);
    make_room(readers);
    reading_release(reading);
}

void step_remove(struct reading_step *step)
{
    struct reading *reading = step->reading;
    struct record_readers *readers = reading->readers;
    if (step->state == STEP_MADE) {
        readers->cached -= cost(step);
        unlink_by_use(step);
    }
    if (step->next != NULL)
        step->next->previous = step->previous;
    *(step->previous != NULL ? &step->previous->next : &reading->steps) = step->next;
    shared_bytes_release(step->bytes);
    memory_free(readers->memory, MEMORY_RESPONSES, step->positions, 2 * positions_size(step));
    memory_free(readers->memory, MEMORY_RESPONSES, step, sizeof *step);
}

void step_give_up(struct reading_step *step)
{
    struct reading *reading = step->reading;
    step->state = STEP_UNDER_WAY;
    step_remove(step);
    reading_release(reading);
}
