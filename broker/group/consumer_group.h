/* A group of the consumer protocol (KIP-848): the coordinator assigns, members follow heartbeat by heartbeat.
 *
 *     a member joins, leaves, expires, subscribes to something else; a topic comes, grows, goes
 *         ──▶ the group's epoch rises
 *         ──▶ the target assignment is computed for that epoch (assignor.h)
 *         ──▶ each member is led there at its own pace: it gives up what it is to lose, and says so in a heartbeat;
 *             then it is given what nobody else holds any more, and its epoch becomes the target's
 *
 * The state in memory is ahead of the log. What changed is marked, all that is marked is written as one batch, and a
 * heartbeat is answered when nothing is left to be written of what it saw. So no member learns of anything that a power
 * cut could take back. Of a write that failed nothing is believed: everything of the group is marked again, and goes
 * out with the next heartbeat, or after CONSUMER_RETRY_MS.
 *
 * Members of the classic protocol may be in the group, too, while it is being migrated (consumer_classic.c). */
#pragma once

#include "group_call.h"
#include "kafka/messages.h"
#include "memory.h"
#include "uuid.h"

#include <stdbool.h>
#include <stdint.h>

#define CONSUMER_RETRY_MS         1000
#define CONSUMER_REGEX_REFRESH_MS 1000 /* expressions are not asked more often for the topics that they name */

struct consumer_group;

/* group.consumer.migration.policy */
enum consumer_migration {
    CONSUMER_MIGRATION_DISABLED,
    CONSUMER_MIGRATION_UPGRADE = 1,
    CONSUMER_MIGRATION_DOWNGRADE = 2,
    CONSUMER_MIGRATION_BIDIRECTIONAL = 3,
};

/* A topic as groups see it. */
struct group_topic {
    struct uuid id;
    slice name;
    int32_t partition_count;
};
typedef int group_topics_callback(void *context, const struct group_topic *topic);

/* The topics of the server. */
struct group_topics {
    bool (*find)(void *context, slice name, struct group_topic *topic);
    bool (*find_id)(void *context, struct uuid id, struct group_topic *topic);
    /* In any order; a non-zero return ends it and is returned. */
    int (*list)(void *context, group_topics_callback *callback, void *callback_context);
    /* Another number whenever a topic came, grew or went. */
    uint64_t (*version)(void *context);
    void *context;
};

/* ConsumerGroupHeartbeat. */
struct consumer_call {
    struct group_call call; /* its error is the response's */
    /* Asked */
    const struct consumer_group_heartbeat_request *asked;
    int16_t version;
    slice client_id;
    slice client_host;
    bool is_checked; /* private: what it subscribes to */
    /* Found */
    struct consumer_group_heartbeat_response response;
};
