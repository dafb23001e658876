#include "rest/v3_path.h"

#include "rest/rest_failure.h"

#include <stdarg.h>
#include <stdio.h>

#define WORDS_MAX 512

void v3_reply_missing(struct http_exchange *exchange, const char *format, ...)
{
    char words[WORDS_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    http_reply_error(exchange, 404, words);
}

bool v3_check_cluster(struct http_exchange *exchange)
{
    slice id = http_argument(exchange, "cluster_id");
    if (slice_equal(id, slice_of_text(exchange->server->start.cluster_id)) || slice_equal(id, slice_of_text("-")))
        return true;
    v3_reply_missing(exchange, "Cluster %.*s cannot be found.", SLICE_PRINT(id));
    return false;
}

bool v3_check_broker(struct http_exchange *exchange)
{
    int64_t id = http_argument_number(exchange, "broker_id");
    if (!v3_check_cluster(exchange))
        return false;
    if (id == exchange->server->start.node_id)
        return true;
    v3_reply_missing(exchange, "Broker %d cannot be found.", (int)id);
    return false;
}

struct topic *v3_find_topic(struct http_exchange *exchange)
{
    slice name = http_argument(exchange, "topic_name");
    struct error error;
    if (!v3_check_cluster(exchange))
        return NULL;
    struct topic *topic = topics_find(&exchange->server->topics, name);
    if (topic != NULL)
        return topic;
    if (topic_name_valid(name, &error))
        rest_reply_failure(exchange, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, NULL);
    else
        rest_reply_failure(exchange, KAFKA_INVALID_TOPIC_EXCEPTION, error.message);
    return NULL;
}

struct partition *v3_find_partition(struct http_exchange *exchange)
{
    int32_t index = (int32_t)http_argument_number(exchange, "partition_id");
    const struct topic *topic = v3_find_topic(exchange);
    if (topic == NULL)
        return NULL;
    struct partition *partition = topic_partition(topic, index);
    if (partition == NULL)
        http_reply_error(exchange, REST_PARTITION_NOT_FOUND, "Partition not found.");
    return partition;
}
