/* Groups as operations: the coordinator (group/group_coordinator.h) on the loop's time, its records in
 * __consumer_offsets.
 *
 * The topic has one partition and is made when the first group needs it. A commit is appended only when the records
 * that it covers are on the disk, so that no power cut can leave an offset without its records. Answers come by the
 * calls' `done`, perhaps from within. */
#pragma once

#include "group/group_coordinator.h"
#include "status.h"

#define GROUPS_TOPIC "__consumer_offsets"

struct server;
struct group_service;

/* Reads what the log holds; the topics and their logs are open. Blocking. */
MUST_USE int group_service_open(struct server *server, struct group_service **service, struct error *error);
/* Nothing may be under way. The service is freed by a later turn of the loop. */
void group_service_close(struct group_service *service);
bool group_service_idle(const struct group_service *service);
/* The server stops: who waits for a generation is answered now. */
void group_service_end_waits(struct group_service *service);

/* For the calls below, and for looking. */
struct group_coordinator *group_service_coordinator(struct group_service *service);
struct group_time group_service_now(const struct group_service *service);
/* After a call that went to the coordinator itself: it may want to be woken earlier. */
void group_service_rearm(struct group_service *service);

/* As group_coordinator_commit, behind the syncs of what it covers; in a transaction, when this server's partition of
 * the groups' topic is in it (call.error: what the transactions' coordinator says to that). */
void group_service_commit(struct group_service *service, struct commit_call *commit);
/* Writes the transaction's marker to the groups' topic, behind all that the transaction has committed there; nothing
 * where there is no such topic any more. */
void group_service_end_transaction(struct group_service *service, struct group_transaction_end *end);
/* A topic is gone. */
void group_service_forget_topic(struct group_service *service, slice topic);
/* After a start: those for which it says so are gone. */
void group_service_forget_gone(struct group_service *service, bool (*is_gone)(void *context, slice topic),
                               void *context);
/* Makes the topic, if it is not there: before the first client needs it. */
void group_service_prepare(struct group_service *service);
