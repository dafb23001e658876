/* Private to groups: a commit of offsets that belongs to a transaction, behind the syncs of what it covers. The groups'
 * partition must be in the transaction in the very turn in which the commit is queued: what stood behind the marker
 * would never end. */
#pragma once

#include "group/group_coordinator.h"

struct server;

/* commit->transaction is set. call.error: the transactions' coordinator's, as it is. */
void group_transactions_commit(struct server *server, struct commit_call *commit);
