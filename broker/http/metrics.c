/* Prometheus' text format. Names are those of kafka_exporter where it has the thing, since dashboards know them; what
 * is Furrow's own begins with furrow_. */
#include "connection.h"
#include "group/committed_offsets.h"
#include "group/group_coordinator.h"
#include "http/site.h"
#include "operations/groups.h"
#include "server.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 256

PRINTF_LIKE(2, 3) static void write_line(writer *w, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    write_bytes(w, slice_of_text(line));
}

static void begin_family(writer *w, const char *name, const char *type, const char *help)
{
    write_line(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_single(writer *w, const char *name, const char *type, const char *help, uint64_t value)
{
    begin_family(w, name, type, help);
    write_line(w, "%s %" PRIu64 "\n", name, value);
}

/* JSON's escapes of quotes, backslashes and line ends are Prometheus' too; it leaves others as they are. */
static void write_label(writer *w, const char *before, slice value)
{
    struct json json = json_to(w);
    write_bytes(w, slice_of_text(before));
    json_string(&json, value);
}

/* ---- topics ---- */

static void write_partition_value(writer *w, const char *name, const struct topic *topic, int32_t index, int64_t value)
{
    write_bytes(w, slice_of_text(name));
    write_label(w, "{topic=", topic_name(topic));
    write_line(w, ",partition=\"%" PRId32 "\"} %" PRId64 "\n", index, value);
}

static int64_t bytes_of(const struct log *log)
{
    return (int64_t)log_bytes(log);
}

static void write_partitions(const struct server *server, writer *w, const char *name, const char *help,
                             int64_t (*value)(const struct log *log))
{
    begin_family(w, name, "gauge", help);
    for (const struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next)
        for (int32_t i = 0; i < topic->partition_count; i++)
            if (topic->partitions[i]->log != NULL)
                write_partition_value(w, name, topic, i, value(topic->partitions[i]->log));
}

static void write_topics(const struct server *server, writer *w)
{
    begin_family(w, "kafka_topic_partitions", "gauge", "Number of partitions of this topic");
    for (const struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next) {
        write_label(w, "kafka_topic_partitions{topic=", topic_name(topic));
        write_line(w, "} %" PRId32 "\n", topic->partition_count);
    }
    write_partitions(server, w, "kafka_topic_partition_current_offset", "Offset of the next record of this partition",
                     log_end_offset);
    write_partitions(server, w, "kafka_topic_partition_oldest_offset", "Oldest offset of this partition",
                     log_start_offset);
    write_partitions(server, w, "furrow_topic_partition_bytes", "Bytes of the segments of this partition", bytes_of);
}

/* ---- groups ---- */

struct group_family {
    const struct server *server;
    writer *w;
    const char *name;
    bool is_lag;
};

static void write_committed(const struct group_family *family, const struct group *group,
                            const struct committed_topic *topic, const struct committed_partition *partition)
{
    int64_t value = partition->value.offset;
    if (family->is_lag) {
        const struct topic *found = topics_find(&family->server->topics, topic->name);
        const struct partition *of = found != NULL ? topic_partition(found, partition->partition) : NULL;
        if (of == NULL || of->log == NULL)
            return;
        int64_t end = log_end_offset(of->log);
        value = end > value ? end - value : 0;
    }
    write_bytes(family->w, slice_of_text(family->name));
    write_label(family->w, "{consumergroup=", group_id(group));
    write_label(family->w, ",topic=", topic->name);
    write_line(family->w, ",partition=\"%" PRId32 "\"} %" PRId64 "\n", partition->partition, value);
}

static int write_group(void *context, const struct group *group)
{
    const struct committed_offsets *offsets = group_offsets(group);
    for (uint32_t i = 0; i < offsets->topic_count; i++) {
        const struct committed_topic *topic = offsets->topics[i];
        for (uint32_t k = 0; k < topic->count; k++)
            if (topic->partitions[k].has_value && !topic->is_going)
                write_committed(context, group, topic, &topic->partitions[k]);
    }
    return 0;
}

static void write_groups(const struct server *server, writer *w)
{
    if (server->groups == NULL)
        return;
    const struct group_coordinator *coordinator = group_service_coordinator(server->groups);
    struct group_family current = {server, w, "kafka_consumergroup_current_offset", false};
    struct group_family lag = {server, w, "kafka_consumergroup_lag", true};
    begin_family(w, current.name, "gauge", "Committed offset of this group");
    (void)group_coordinator_list(coordinator, write_group, &current);
    begin_family(w, lag.name, "gauge", "Records behind the committed offset of this group");
    (void)group_coordinator_list(coordinator, write_group, &lag);
    write_single(w, "furrow_consumergroups", "gauge", "Number of groups", group_coordinator_count(coordinator));
}

/* ---- the process ---- */

static void write_memory(const struct memory *memory, writer *w)
{
    begin_family(w, "furrow_memory_bytes", "gauge", "Memory in use, by its purpose");
    for (int i = 0; i < MEMORY_PURPOSES; i++)
        write_line(w, "furrow_memory_bytes{purpose=\"%s\"} %zu\n", memory_purpose_text((enum memory_purpose)i),
                   atomic_load(&memory->counts[i].bytes));
    begin_family(w, "furrow_memory_peak_bytes", "gauge", "The most memory that was in use, by its purpose");
    for (int i = 0; i < MEMORY_PURPOSES; i++)
        write_line(w, "furrow_memory_peak_bytes{purpose=\"%s\"} %zu\n", memory_purpose_text((enum memory_purpose)i),
                   atomic_load(&memory->counts[i].peak_bytes));
}

static void write_budget(const struct server *server, writer *w)
{
    write_single(w, "furrow_budget_used_bytes", "gauge", "Bytes of requests and responses under way",
                 budget_used(server->budget));
    write_single(w, "furrow_budget_limit_bytes", "gauge", "What those bytes may grow to", budget_limit(server->budget));
    write_single(w, "furrow_budget_waiting_connections", "gauge", "Connections that wait for memory",
                 budget_waiting(server->budget));
    write_single(w, "furrow_connections", "gauge", "Open connections", connections_count(server->connections));
    write_single(w, "furrow_kafka_requests_total", "counter", "Requests of Kafka's protocol since the start",
                 server->requests_started);
}

void metrics_write(struct server *server, writer *w)
{
    begin_family(w, "furrow_build_info", "gauge", "The version that runs");
    write_line(w, "furrow_build_info{version=\"%s\"} 1\n", FURROW_VERSION);
    write_single(w, "kafka_brokers", "gauge", "Number of brokers", 1);
    write_topics(server, w);
    write_groups(server, w);
    write_budget(server, w);
    write_memory(server->memory, w);
}
