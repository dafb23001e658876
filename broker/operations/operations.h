/* Puts the operations together for a server: server->operations, appends, reads, sessions, producer_ids. */
#pragma once

#include "operations/append.h"
#include "operations/environment.h"
#include "operations/find_offset.h"
#include "operations/producer_ids.h"
#include "operations/read.h"

struct server;

/* After the loop, the jobs, the writer and the metadata log. */
MUST_USE int operations_open(struct server *server, struct error *error);
/* For a stop: nobody waits for records any more; the requests answer with what there is. */
void operations_end_waits(struct server *server);
bool operations_idle(const struct server *server);
/* Nothing may be under way. The loop must run once more until all its handles are closed. */
void operations_close(struct server *server);
