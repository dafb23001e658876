/* The data folder's checkpoint files, written by one hand: whoever wants one written asks, one job writes them all, and
 * those who asked meanwhile are served by the next.
 *
 * With the recovery points and the starts of logs go the moments that are proven (proven_time.h). */
#pragma once

#include "status.h"

#include <stdbool.h>

struct server;
struct checkpoints;

/* Embedded by whoever asks. */
struct checkpoint_request {
    void (*done)(struct checkpoint_request *request, int status); /* on the loop, never from within checkpoints_write */
    bool is_lax; /* a power cut may bring older files back: for who only wants recovery to be short */
    struct checkpoint_request *next; /* private */
};

MUST_USE int checkpoints_create(struct server *server, struct checkpoints **checkpoints);
/* Nothing may be under way. */
void checkpoints_destroy(struct checkpoints *checkpoints);

/* What the logs say now, or newer, is on the disk when `done` is called with 0: their starts, up to where they are
 * synced. Every log has been told of its start then (log_note_start_saved). */
void checkpoints_write(struct checkpoints *checkpoints, struct checkpoint_request *request);
bool checkpoints_idle(const struct checkpoints *checkpoints);
