/* A request to a group on its way to an answer.
 *
 * The caller owns it, and everything asked, until `done`, which is called once. A group never calls it from within one
 * of its transitions: finished calls are put on a list, and whoever drove the group (coordinator.c, a test) gives them
 * out when the group is at rest, for an answer may bring the connection's next request with it. What is found is
 * copied to the caller's arena, so that it holds whatever becomes of the group. */
#pragma once

#include "arena.h"
#include "kafka/error_code.h"
#include "slice.h"

struct group_call {
    void (*done)(struct group_call *call);
    void *context;
    struct arena *arena; /* for what is found */
    enum kafka_error error;
    struct group_call *next; /* private */
};

/* Finished calls, in order. */
struct group_answers {
    struct group_call *first;
    struct group_call **tail;
};

static inline void group_answers_init(struct group_answers *answers)
{
    answers->first = NULL;
    answers->tail = &answers->first;
}

static inline void group_answers_add(struct group_answers *answers, struct group_call *call, enum kafka_error error)
{
    call->error = error;
    call->next = NULL;
    *answers->tail = call;
    answers->tail = &call->next;
}

/* The first; there is one. */
static inline struct group_call *group_answers_take(struct group_answers *answers)
{
    struct group_call *call = answers->first;
    answers->first = call->next;
    if (answers->first == NULL)
        answers->tail = &answers->first;
    return call;
}

/* All of them, behind those that are there. */
static inline void group_answers_move(struct group_answers *to, struct group_answers *from)
{
    if (from->first == NULL)
        return;
    *to->tail = from->first;
    to->tail = from->tail;
    group_answers_init(from);
}

/* Calls done for each, also for those that are added meanwhile. Not from within itself. */
static inline void group_answers_give(struct group_answers *answers)
{
    while (answers->first != NULL) {
        struct group_call *call = group_answers_take(answers);
        call->done(call);
    }
}
