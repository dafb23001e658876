/* The markers of decided transactions: written to all their partitions, and to the groups that they have committed
 * offsets of, again and again until every one is durable.
 *
 * A partition that is gone needs no marker. One that has heard of a newer epoch, or from a newer coordinator, has been
 * told otherwise by somebody who knows better (kafka-transactions --abort): it is left alone, with a line in the
 * log. */
#pragma once

#include "status.h"
#include "transaction/transaction_coordinator.h"

struct server;
struct transaction_markers;

/* Markers that are durable: `done` once for each ending, never from within transaction_markers_send. */
typedef void transaction_markers_done(void *context, struct transaction_ending *ending);

MUST_USE int transaction_markers_open(struct server *server, transaction_markers_done *done, void *context,
                                      struct transaction_markers **markers);
/* Nothing is under way. What waits for another try is dropped; freed by a later turn of the loop. */
void transaction_markers_close(struct transaction_markers *markers);
/* Nothing is tried again: the server stops. */
void transaction_markers_stop(struct transaction_markers *markers);
/* Nothing is under way; something may wait for another try. */
bool transaction_markers_idle(const struct transaction_markers *markers);

/* The coordinator's epoch, as markers say it. */
int32_t transaction_markers_epoch(const struct server *server);

/* The ending stays until done, or until the markers are closed. */
void transaction_markers_send(struct transaction_markers *markers, struct transaction_ending *ending);
