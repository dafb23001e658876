/* Transactions that are open in the groups' log and that nobody knows any more: the log of transactions is gone, or
 * came without them from elsewhere. Nobody would ever end them, and the offsets that they have committed would be
 * undecided for good, so a start aborts them. */
#pragma once

#include "transaction/transaction_coordinator.h"

struct server;

/* Once, when both coordinators have read their logs; nothing where one of them could not. What cannot be written is
 * left to the next start. */
void transaction_orphans_end(struct server *server, const struct transaction_coordinator *coordinator);
