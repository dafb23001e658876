/* Transactions as operations: the coordinator (transaction/transaction_coordinator.h) on the loop's time, its records
 * in __transaction_state, the markers that end a transaction in its partitions and groups.
 *
 * The topic has one partition and is made when the first transactional producer needs it. A transaction's end is
 * answered when its decision is on the disk; markers follow, also after a start that finds a decision without them.
 * Offsets whose transaction nobody knows any more are aborted at a start (transaction_orphans.h).
 *
 * For those who append records of a transaction: `verify` where the producer has added the partition itself, `add`
 * where this is done on its behalf. Both answer with the coordinator's own errors: INVALID_PRODUCER_ID_MAPPING (no such
 * transactional id, or another producer id), PRODUCER_FENCED (another epoch), CONCURRENT_TRANSACTIONS,
 * TRANSACTION_ABORTABLE (verify: not in the transaction), COORDINATOR_NOT_AVAILABLE, INVALID_REQUEST (an empty id).
 * What each version of Produce and TxnOffsetCommit calls them is their affair. A commit of offsets in a transaction has
 * partition 0 of GROUPS_TOPIC, also where Kafka's coordinator began it in another one (coordinator_takeover.h). */
#pragma once

#include "status.h"
#include "transaction/transaction_coordinator.h"

#define TRANSACTIONS_TOPIC "__transaction_state"

struct server;
struct transaction_service;

/* Reads what the log holds; the topics and their logs are open, and the groups. Blocking. */
MUST_USE int transaction_service_open(struct server *server, struct transaction_service **service, struct error *error);
/* Nothing may be under way. The service is freed by a later turn of the loop. */
void transaction_service_close(struct transaction_service *service);
bool transaction_service_idle(const struct transaction_service *service);
/* The server stops: who waits is answered, and what could not be ended is left to the next start. */
void transaction_service_end_waits(struct transaction_service *service);

/* For looking. */
const struct transaction_coordinator *transaction_service_coordinator(const struct transaction_service *service);
/* Makes the topic, if it is not there: before the first client needs it. */
void transaction_service_prepare(struct transaction_service *service);
/* A topic is gone. */
void transaction_service_forget_topic(struct transaction_service *service, slice topic);

/* As the coordinator's. */
void transaction_service_init(struct transaction_service *service, struct transaction_init *init);
void transaction_service_end(struct transaction_service *service, struct transaction_end *end);

/* In memory, at once. */
enum kafka_error transaction_service_verify(const struct transaction_service *service, slice transactional_id,
                                            int64_t producer_id, int16_t producer_epoch, slice topic,
                                            int32_t partition);
/* Done when it is durable; at once, perhaps from within, when all the partitions are in the transaction already. */
void transaction_service_add(struct transaction_service *service, struct transaction_add *add);
