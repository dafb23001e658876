#include "group/committed_offsets.h"
#include "group/group_coordinator.h"
#include "http/metrics_text.h"
#include "operations/groups.h"
#include "server.h"

#include <inttypes.h>

/* Lag is what a reader of all records has not committed yet; -1: it cannot be told. */
static int64_t lag_of(const struct server *server, const struct committed_topic *topic,
                      const struct committed_partition *partition)
{
    const struct topic *found = topics_find(&server->topics, topic->name);
    const struct partition *of = found != NULL ? topic_partition(found, partition->partition) : NULL;
    if (of == NULL || of->log == NULL)
        return -1;
    int64_t end = log_end_offset(of->log), committed = partition->value.offset;
    return end > committed ? end - committed : 0;
}

static int64_t committed_of(const struct server *server, const struct committed_topic *topic,
                            const struct committed_partition *partition)
{
    (void)server;
    (void)topic;
    return partition->value.offset;
}

/* A value of each partition that a group has committed. */
struct group_family {
    const struct server *server;
    writer *w;
    const char *name, *help;
    int64_t (*value)(const struct server *server, const struct committed_topic *topic,
                     const struct committed_partition *partition);
};

static void write_topic(const struct group_family *family, const struct group *group,
                        const struct committed_topic *topic)
{
    for (uint32_t i = 0; i < topic->count; i++) {
        const struct committed_partition *partition = &topic->partitions[i];
        int64_t value = partition->has_value ? family->value(family->server, topic, partition) : -1;
        if (value < 0)
            continue;
        write_bytes(family->w, slice_of_text(family->name));
        metrics_label(family->w, "{consumergroup=", group_id(group));
        metrics_label(family->w, ",topic=", topic->name);
        metrics_line(family->w, ",partition=\"%" PRId32 "\"} %" PRId64 "\n", partition->partition, value);
    }
}

static int write_group(void *context, const struct group *group)
{
    const struct committed_offsets *offsets = group_offsets(group);
    for (uint32_t i = 0; i < offsets->topic_count; i++)
        if (!offsets->topics[i]->is_going)
            write_topic(context, group, offsets->topics[i]);
    return 0;
}

static void write_family(struct group_family *family, const struct group_coordinator *coordinator)
{
    metrics_begin(family->w, family->name, "gauge", family->help);
    (void)group_coordinator_list(coordinator, write_group, family);
}

static int write_members(void *context, const struct group *group)
{
    writer *w = context;
    metrics_label(w, "kafka_consumergroup_members{consumergroup=", group_id(group));
    metrics_line(w, "} %" PRIu32 "\n", group_member_count(group));
    return 0;
}

void metrics_write_groups(const struct server *server, writer *w)
{
    if (server->groups == NULL)
        return;
    const struct group_coordinator *coordinator = group_service_coordinator(server->groups);
    struct group_family current = {server, w, "kafka_consumergroup_current_offset", "Committed offset of this group",
                                   committed_of};
    struct group_family lag = {server, w, "kafka_consumergroup_lag",
                               "Records behind the committed offset of this group", lag_of};
    write_family(&current, coordinator);
    write_family(&lag, coordinator);
    metrics_begin(w, "kafka_consumergroup_members", "gauge", "Members of this group");
    (void)group_coordinator_list(coordinator, write_members, w);
    metrics_single(w, "furrow_consumergroups", "gauge", "Number of groups", group_coordinator_count(coordinator));
}
