/* What the files of reading.h share. */
#pragma once

#include "operations/turn_end.h"
#include "rest/read_alarm.h"
#include "rest/reading.h"
#include "server.h"

struct record_readers {
    struct memory *memory;
    struct server *server;
    struct reading *by_key;
    struct turn_end turn_end;
    struct read_alarms alarms;
    int open_handles;
    bool is_stale; /* topics have changed */

    struct cursor_queue ready;
    struct reading_step *starts, **last_start;
    struct reading_step *newest, *oldest; /* steps that are made */
    size_t cached, cached_limit;          /* bytes of these */
    unsigned passes;                      /* under way */
    uint64_t owned;                       /* readings that are nobody else's, so far */
    unsigned works;                       /* reads, passes among them, under way */
};

struct reading {
    struct record_readers *readers;
    UT_hash_handle hh;
    uint8_t *key; /* what tells it from others */
    size_t key_size;
    struct reading_wish asked; /* its slices lie in `texts` */
    uint8_t *texts;
    size_t texts_size;
    struct record_wish wish;
    struct record_part *parts;
    struct partition **partitions; /* their topics are held */
    struct key_hasher *hasher;     /* owned; NULL: none */
    unsigned holds;                /* cursors, and steps under way */
    struct cursor *cursors;
    struct reading_step *steps; /* newest first */
};

static inline bool reading_is_own(const struct reading_wish *wish)
{
    return wish->hashes_keys || wish->kept != NULL;
}

/* ---- choices (reading_choice.c) ---- */

struct reading_choice {
    struct memory *memory;
    struct partition **partitions;
    int32_t count, room;
    bool failed; /* no memory */
};

/* By topics' names, then by partition. Closed by the caller whatever comes out. */
void reading_choose(const struct topics *topics, const struct reading_wish *wish, struct reading_choice *choice);
void reading_choice_add(struct reading_choice *choice, struct partition *partition);
bool reading_choice_has(const struct reading_choice *choice, const struct partition *partition);
void reading_choice_close(struct reading_choice *choice);

/* ---- cursors (cursor.c) ---- */

void cursor_queue_init(struct cursor_queue *queue);
void cursor_queue_add(struct cursor_queue *queue, struct cursor *cursor);
void cursor_queue_remove(struct cursor *cursor);
/* Onto a reading with at least its partitions. */
void cursor_move(struct cursor *cursor, struct reading *to);

/* ---- steps (reading_step.c, reading_work.c) ---- */

enum step_state {
    STEP_QUEUED, /* to be begun */
    STEP_UNDER_WAY,
    STEP_MADE,
};

/* Of a cursor's: that of a block, or whatever a block holds. */
static inline int32_t step_limit(int32_t limit)
{
    return limit < 2048 ? limit : CURSOR_NO_LIMIT;
}

struct reading_step *step_find(const struct reading *reading, const int64_t *positions, int32_t turn, int32_t limit);
/* Not queued. NULL without memory. */
struct reading_step *step_add(struct reading *reading, const int64_t *positions, int32_t turn, int32_t limit);
/* It is begun when its turn comes. */
void step_queue(struct reading_step *step);
/* It is whole: its waiters are ready, and it is part of the cache. May let go of the reading. */
void step_made(struct reading_step *step);
/* Instead, when nobody waits for it. */
void step_give_up(struct reading_step *step);
/* It was used. */
void step_touch(struct reading_step *step);
void step_remove(struct reading_step *step);

/* Reads and makes it. */
void work_start(struct reading_step *step);
/* Nobody waits for the step any more, which is under way. */
void work_cancel(struct reading_work *work);
