#include "operations/group_transactions.h"

#include "container.h"
#include "operations/groups.h"
#include "operations/transactions.h"
#include "server.h"

struct joining {
    struct server *server;
    struct commit_call *commit;
    struct transaction_add add;
    struct transaction_partition partition;
};

static void refuse(struct commit_call *commit, enum kafka_error error)
{
    commit->call.error = error;
    commit->call.done(&commit->call);
}

static void commit_now(struct server *server, struct commit_call *commit, enum kafka_error error)
{
    if (error != KAFKA_NONE) {
        refuse(commit, error);
        return;
    }
    group_coordinator_commit(group_service_coordinator(server->groups), commit, group_service_now(server->groups));
    group_service_rearm(server->groups);
}

static void on_added(struct transaction_call *call)
{
    const struct joining *joining = call->context;
    commit_now(joining->server, joining->commit, call->error);
}

static void join(struct server *server, struct commit_call *commit)
{
    const struct commit_transaction *transaction = commit->transaction;
    struct joining *joining = arena_alloc(commit->call.arena, sizeof *joining);
    if (joining == NULL) {
        refuse(commit, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    *joining = (struct joining){.server = server, .commit = commit, .partition.topic = slice_of_text(GROUPS_TOPIC)};
    joining->add = (struct transaction_add){.call = {.done = on_added, .context = joining},
                                            .transactional_id = transaction->id,
                                            .producer_id = transaction->producer_id,
                                            .producer_epoch = transaction->producer_epoch,
                                            .protocol = TRANSACTION_EPOCHS,
                                            .waits = true,
                                            .partitions = &joining->partition,
                                            .count = 1};
    transaction_service_add(server->transactions, &joining->add);
}

void group_transactions_commit(struct server *server, struct commit_call *commit)
{
    const struct commit_transaction *transaction = commit->transaction;
    bool has_any = false;
    for (size_t i = 0; i < commit->count; i++)
        has_any = has_any || commit->partitions[i].error == KAFKA_NONE;
    if (!has_any)
        refuse(commit, KAFKA_NONE); /* each partition has its error */
    else if (commit->group_id.size == 0)
        refuse(commit, KAFKA_INVALID_GROUP_ID);
    else if (transaction->joins)
        join(server, commit);
    else
        commit_now(server, commit,
                   transaction_service_verify(server->transactions, transaction->id, transaction->producer_id,
                                              transaction->producer_epoch, slice_of_text(GROUPS_TOPIC), 0));
}
