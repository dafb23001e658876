/* Consumer groups of REST v3: what the files of these share. */
#pragma once

#include "operations/group_view.h"
#include "rest/v3.h"

#define V3_GROUP_ARENA_MAX ((size_t)16 << 20)

/* What is answered of a group. False: it has been answered in other words. */
typedef bool v3_write_view(struct resource_writer *w, const struct group_view *view, const struct group *group);
/* Answers with what that writes of the path's {consumer_group_id}. */
void v3_reply_view(struct http_exchange *exchange, v3_write_view *write);

/* A list whose notes are a view of that group. NULL: it has been answered. */
MUST_USE struct resource_list *v3_open_view_list(struct http_exchange *exchange, const struct group **group,
                                                 struct group_view **view);
/* There is no memory for its notes. */
void v3_refuse_list(struct resource_list *list);
