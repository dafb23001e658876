/* The server's part that stands on the data folder: opened before anybody may connect, closed after the last has gone.
 */
#pragma once

#include "status.h"

#include <stdbool.h>

struct server;

/* The folder's lock, the folder, the metadata log and with it all topics and their logs, the operations on them. */
MUST_USE int server_storage_open(struct server *server, const char *data, struct error *error);
/* Nothing is under way. */
bool server_storage_idle(const struct server *server);
/* A clean stop: flushes every log, writes the checkpoints, marks the folder as cleanly left. Blocking. */
MUST_USE int server_storage_flush(struct server *server, struct error *error);
/* What needs the loop to go on closing; then, when that has run to its end, the rest. */
void server_storage_close_handles(struct server *server);
void server_storage_close(struct server *server);
