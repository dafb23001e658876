/* Taking over the log of a coordinator that Apache Kafka has made, with its many partitions: here one coordinator reads
 * and writes partition 0 only. At the first start on such a folder everything that holds is carried from the others
 * into partition 0, and they are emptied; later starts find nothing in them. The topic keeps its number of partitions,
 * so that what clients and tools know of it stays true.
 *
 * What is carried: the last record of each key, as it is, unless it is a tombstone or partition 0 has one of the key (a
 * former try has carried it, and what is written here is later); behind that the records of transactions that are open,
 * as batches of their producers. Those of aborted transactions are nothing. So a transaction of Kafka's ends here as
 * any other, by a marker in partition 0 (transactions.h: where nobody knows it any more, it is aborted).
 *
 * The order, each step durable before the next: the records are in partition 0; the open transactions end in the
 * partitions that they were in, and these are rolled; their starts, at their ends, are in the data folder's checkpoint.
 * A start that finds records in them begins at the first step again. Nobody is served before the last one: a failure
 * leaves the coordinator without a log. The files go with retention's next round.
 *
 * Memory for every key of the topic, while it is under way. */
#pragma once

#include "memory.h"
#include "status.h"

struct server;
struct topic;

/* At start, before anybody may append; blocking. Nothing is done, nor written, where there is nothing to carry.
 * FURROW_OFFLINE: a partition cannot be read. FURROW_TOO_LARGE: a record is larger than the topic's segments. Others:
 * the disk's, those of log_for_each_batch. */
MUST_USE int coordinator_takeover(struct server *server, const struct topic *topic, enum memory_purpose purpose,
                                  struct error *error);
