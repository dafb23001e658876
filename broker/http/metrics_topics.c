#include "http/metrics_text.h"
#include "server.h"

#include <inttypes.h>

static void write_partition_value(writer *w, const char *name, const struct topic *topic, int32_t index, int64_t value)
{
    write_bytes(w, slice_of_text(name));
    metrics_label(w, "{topic=", topic_name(topic));
    metrics_line(w, ",partition=\"%" PRId32 "\"} %" PRId64 "\n", index, value);
}

static int64_t bytes_of(const struct log *log)
{
    return (int64_t)log_bytes(log);
}

static void write_partitions(const struct server *server, writer *w, const char *name, const char *help,
                             int64_t (*value)(const struct log *log))
{
    metrics_begin(w, name, "gauge", help);
    for (const struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next)
        for (int32_t i = 0; i < topic->partition_count; i++)
            if (topic->partitions[i]->log != NULL)
                write_partition_value(w, name, topic, i, value(topic->partitions[i]->log));
}

static uint64_t records_in(const struct topic *topic)
{
    return topic->traffic.records_in;
}

static uint64_t bytes_in(const struct topic *topic)
{
    return topic->traffic.bytes_in;
}

static uint64_t bytes_out(const struct topic *topic)
{
    return topic->traffic.bytes_out;
}

static uint64_t partition_count(const struct topic *topic)
{
    return (uint64_t)topic->partition_count;
}

static void write_each(const struct server *server, writer *w, const char *name, const char *type, const char *help,
                       uint64_t (*value)(const struct topic *topic))
{
    metrics_begin(w, name, type, help);
    for (const struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next) {
        write_bytes(w, slice_of_text(name));
        metrics_label(w, "{topic=", topic_name(topic));
        metrics_line(w, "} %" PRIu64 "\n", value(topic));
    }
}

static uint64_t count_offline(const struct server *server)
{
    uint64_t count = 0;
    for (const struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next)
        for (int32_t i = 0; i < topic->partition_count; i++)
            count += topic->partitions[i]->log == NULL || log_is_offline(topic->partitions[i]->log);
    return count;
}

void metrics_write_topics(const struct server *server, writer *w)
{
    write_each(server, w, "kafka_topic_partitions", "gauge", "Number of partitions of this topic", partition_count);
    write_partitions(server, w, "kafka_topic_partition_current_offset", "Offset of the next record of this partition",
                     log_end_offset);
    write_partitions(server, w, "kafka_topic_partition_oldest_offset", "Oldest offset of this partition",
                     log_start_offset);
    write_partitions(server, w, "furrow_topic_partition_bytes", "Bytes of the segments of this partition", bytes_of);
    write_each(server, w, "kafka_server_brokertopicmetrics_messagesin_total", "counter",
               "Records appended to this topic since the start", records_in);
    write_each(server, w, "kafka_server_brokertopicmetrics_bytesin_total", "counter",
               "Bytes appended to this topic since the start", bytes_in);
    write_each(server, w, "kafka_server_brokertopicmetrics_bytesout_total", "counter",
               "Bytes read from this topic since the start", bytes_out);
    metrics_single(w, "furrow_offline_partitions", "gauge", "Partitions whose log cannot be used",
                   count_offline(server));
}
