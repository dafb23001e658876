/* Lists of REST v3: {"kind":…,"metadata":{"self":…,"next":null},"data":[…]}.
 *
 * What is listed is noted when the list begins, and looked up again when its turn comes: a list that fits into one
 * piece is answered whole, a longer one goes out piece by piece as the client takes it, while topics and groups come
 * and go. So a list costs its notes and one piece, however long it is. */
#pragma once

#include "arena.h"
#include "rest/resource.h"

struct resource_list;

/* Writes what is noted at that place: any number of resources, none when it is gone. */
typedef void resource_list_write(struct resource_list *list, size_t index);

struct resource_list {
    struct resource_writer out;
    struct arena arena; /* the notes */
    void *notes;        /* the caller's, in the arena */
    size_t count;
    resource_list_write *write;

    /* Private */
    size_t position;
    bool is_streaming;
};

/* NULL: it has been answered. The list has room for notes in its arena. */
MUST_USE struct resource_list *resource_list_open(struct http_exchange *exchange);
/* Instead of starting it: nothing is answered. */
void resource_list_close(struct resource_list *list);
/* Answers, and closes it in time. notes, count and write are set. */
void resource_list_start(struct resource_list *list, const char *kind, struct resource_path url);
