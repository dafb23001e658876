#include "container.h"
#include "rest/reading_private.h"

#include <errno.h>

/* ---- queues ---- */

void cursor_queue_init(struct cursor_queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

void cursor_queue_add(struct cursor_queue *queue, struct cursor *cursor)
{
    cursor->queue = queue;
    cursor->next_in_queue = NULL;
    cursor->link = queue->last;
    *queue->last = cursor;
    queue->last = &cursor->next_in_queue;
}

void cursor_queue_remove(struct cursor *cursor)
{
    *cursor->link = cursor->next_in_queue;
    if (cursor->next_in_queue != NULL)
        cursor->next_in_queue->link = cursor->link;
    else
        cursor->queue->last = cursor->link;
    cursor->queue = NULL;
}

/* ---- its life ---- */

static size_t positions_size(const struct reading *reading)
{
    return (size_t)reading->wish.part_count * sizeof(int64_t);
}

static void link_to(struct cursor *cursor, struct reading *reading)
{
    cursor->reading = reading;
    cursor->previous = NULL;
    cursor->next = reading->cursors;
    if (cursor->next != NULL)
        cursor->next->previous = cursor;
    reading->cursors = cursor;
}

static void unlink_from_reading(struct cursor *cursor)
{
    if (cursor->next != NULL)
        cursor->next->previous = cursor->previous;
    *(cursor->previous != NULL ? &cursor->previous->next : &cursor->reading->cursors) = cursor->next;
}

int cursor_open(struct cursor *cursor, struct reading *reading, void (*ready)(struct cursor *cursor))
{
    *cursor = (struct cursor){.limit = CURSOR_NO_LIMIT, .ready = ready};
    cursor->positions = memory_alloc_zeroed(reading->readers->memory, MEMORY_CONNECTIONS, positions_size(reading));
    if (cursor->positions == NULL)
        return -ENOMEM;
    link_to(cursor, reading);
    return 0;
}

static void drop_offer(struct cursor *cursor)
{
    if (cursor->offered != NULL)
        cursor->offered->offers--;
    cursor->offered = NULL;
}

/* Out of whatever it stands in; a step for which nobody waits any more is given up. */
static void stop_waiting(struct cursor *cursor)
{
    drop_offer(cursor);
    struct cursor_queue *queue = cursor->queue;
    if (queue == NULL)
        return;
    cursor_queue_remove(cursor);
    if (queue == &cursor->reading->readers->ready || queue->first != NULL)
        return;
    const struct reading_step *step = CONTAINER_OF(queue, struct reading_step, waiters);
    if (step->state == STEP_UNDER_WAY) /* one that is queued is found to be forsaken when its turn comes */
        work_cancel(step->work);
}

void cursor_close(struct cursor *cursor)
{
    struct reading *reading = cursor->reading;
    stop_waiting(cursor);
    unlink_from_reading(cursor);
    memory_free(reading->readers->memory, MEMORY_CONNECTIONS, cursor->positions, positions_size(reading));
    reading_release(reading);
}

void cursor_move(struct cursor *cursor, struct reading *to)
{
    struct reading *from = cursor->reading;
    struct memory *memory = from->readers->memory;
    int64_t *positions = memory_alloc_zeroed(memory, MEMORY_CONNECTIONS, positions_size(to));
    bool waited = cursor->queue != NULL;
    stop_waiting(cursor);
    if (positions == NULL) {
        cursor->error = KAFKA_KAFKA_STORAGE_ERROR;
        cursor_wake(cursor);
        return;
    }
    for (int32_t i = 0; i < from->wish.part_count; i++) {
        for (int32_t j = 0; j < to->wish.part_count; j++) {
            if (to->partitions[j] == from->partitions[i])
                positions[j] = cursor->positions[i];
        }
    }
    unlink_from_reading(cursor);
    memory_free(memory, MEMORY_CONNECTIONS, cursor->positions, positions_size(from));
    cursor->positions = positions;
    cursor->turn = 0;
    to->holds++;
    link_to(cursor, to);
    reading_release(from);
    if (waited)
        cursor_wake(cursor);
}

/* ---- reading ---- */

void cursor_wake(struct cursor *cursor)
{
    struct record_readers *readers = cursor->reading->readers;
    if (cursor->queue == &readers->ready)
        return;
    stop_waiting(cursor);
    cursor_queue_add(&readers->ready, cursor);
    turn_end_ask(&readers->turn_end);
}

bool cursor_at_end(const struct cursor *cursor)
{
    for (int32_t i = 0; i < cursor->reading->wish.part_count; i++) {
        if (cursor->positions[i] < reading_end_offset(cursor->reading, i))
            return false;
    }
    return true;
}

bool cursor_is_over(const struct cursor *cursor)
{
    for (int32_t i = 0; i < cursor->reading->wish.part_count; i++) {
        if (cursor->positions[i] != RECORD_PART_GONE)
            return false;
    }
    return true;
}

/* At the end no part stands before another, so that those who came there by different ways wait together. */
struct reading_step *cursor_find(struct cursor *cursor)
{
    struct reading *reading = cursor->reading;
    struct reading_step *step = cursor->offered;
    drop_offer(cursor);
    if (step != NULL)
        return step;
    if (cursor->queue != NULL)
        return NULL;
    if (cursor_at_end(cursor))
        cursor->turn = 0;
    step = step_find(reading, cursor->positions, cursor->turn, step_limit(cursor->limit));
    if (step != NULL && step->state == STEP_MADE) {
        step_touch(step);
        return step;
    }
    if (step == NULL) {
        step = step_add(reading, cursor->positions, cursor->turn, step_limit(cursor->limit));
        if (step != NULL)
            step_queue(step);
    }
    if (step != NULL) {
        cursor_queue_add(&step->waiters, cursor);
    } else {
        cursor->error = KAFKA_KAFKA_STORAGE_ERROR;
        cursor_wake(cursor);
    }
    return NULL;
}

void cursor_take(struct cursor *cursor, struct reading_step *step)
{
    struct reading *reading = cursor->reading;
    memcpy(cursor->positions, step->after, positions_size(reading));
    cursor->turn = step->after_turn;
    if (cursor->limit != CURSOR_NO_LIMIT)
        cursor->limit -= step->records;
    if (step->tells_deleted) /* what it holds of the topic may go with the last who knew it */
        record_readers_note_topics(reading->readers);
    bool is_alone = reading->cursors == cursor && cursor->next == NULL;
    if (is_alone && step->offers == 0)
        step_remove(step);
}
