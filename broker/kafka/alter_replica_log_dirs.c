/* AlterReplicaLogDirs (key 34): there is one log dir, the data folder; a partition that is sent there is there. */
#include "kafka/request.h"

#include <limits.h>
#include <stdlib.h>

static bool is_data_folder(const struct kafka_request *request, slice path)
{
    char resolved[PATH_MAX];
    const char *data = realpath(request->server->data, resolved);
    while (path.size > 1 && path.data[path.size - 1] == '/')
        path.size--;
    return data != NULL && slice_equal(path, slice_of_text(data));
}

static enum kafka_error move(const struct kafka_request *request, bool is_here, slice name, int32_t index)
{
    const struct topic *topic = topics_find(&request->server->topics, name);
    if (!is_here)
        return KAFKA_LOG_DIR_NOT_FOUND;
    return topic != NULL && topic_partition(topic, index) != NULL ? KAFKA_NONE : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static bool move_topic(struct kafka_request *request, bool is_here,
                       const struct alter_replica_log_dirs_request_topic *asked,
                       struct alter_replica_log_dirs_response_topic *answer)
{
    size_t count = asked->partitions.count > 0 ? (size_t)asked->partitions.count : 0;
    *answer = (struct alter_replica_log_dirs_response_topic){.topic_name = asked->name};
    answer->partitions.items = arena_alloc(&request->arena, count * sizeof *answer->partitions.items);
    if (answer->partitions.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        answer->partitions.items[answer->partitions.count++] = (struct alter_replica_log_dirs_response_partition){
            .partition_index = asked->partitions.items[i],
            .error_code = (int16_t)move(request, is_here, asked->name, asked->partitions.items[i])};
    return true;
}

void handle_alter_replica_log_dirs(struct kafka_request *request)
{
    const struct alter_replica_log_dirs_request *asked = request->message;
    struct alter_replica_log_dirs_response response = {.throttle_time_ms = 0};
    size_t count = 0;
    for (int32_t i = 0; i < asked->dirs.count; i++)
        count += asked->dirs.items[i].topics.count > 0 ? (size_t)asked->dirs.items[i].topics.count : 0;
    response.results.items = arena_alloc(&request->arena, count * sizeof *response.results.items);
    bool ok = response.results.items != NULL;
    for (int32_t i = 0; ok && i < asked->dirs.count; i++) {
        bool is_here = is_data_folder(request, asked->dirs.items[i].path);
        for (int32_t j = 0; ok && j < asked->dirs.items[i].topics.count; j++)
            ok = move_topic(request, is_here, &asked->dirs.items[i].topics.items[j],
                            &response.results.items[response.results.count++]);
    }
    if (ok)
        kafka_answer(request, &response);
    else
        kafka_close(request, "out of memory");
}
