/* DescribeLogDirs (key 35, KIP-113, KIP-827). The data folder is the one log dir. A partition that is offline is told
 * as a log dir of its own, its folder's, with an error: so tools that know only of whole dirs that fail show it. */
#include "data_folder.h"
#include "kafka/request.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct description {
    struct kafka_request *request;
    const struct partition **partitions; /* each once, a topic's side by side */
    size_t count;
    slice folder; /* with its whole path */
    struct describe_log_dirs_response response;
};

/* ---- which ones ---- */

static int compare_partitions(const void *a, const void *b)
{
    const struct partition *left = *(const struct partition *const *)a, *right = *(const struct partition *const *)b;
    if (left->topic != right->topic)
        return strcmp(left->topic->name, right->topic->name);
    return (left->index > right->index) - (left->index < right->index);
}

static void keep_each_once(struct description *d)
{
    size_t kept = 0;
    qsort(d->partitions, d->count, sizeof *d->partitions, compare_partitions);
    for (size_t i = 0; i < d->count; i++) {
        if (kept == 0 || d->partitions[kept - 1] != d->partitions[i])
            d->partitions[kept++] = d->partitions[i];
    }
    d->count = kept;
}

static size_t count_asked(const struct kafka_request *request)
{
    const struct describe_log_dirs_request *asked = request->message;
    size_t count = 0;
    if (asked->topics.count < 0)
        return request->server->topics.partition_count;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        int32_t partitions = asked->topics.items[i].partitions.count;
        count += partitions > 0 ? (size_t)partitions : 0;
    }
    return count;
}

static void add_asked(struct description *d, const struct describe_log_dirs_request_topic *asked)
{
    const struct topic *topic = topics_find(&d->request->server->topics, asked->topic);
    for (int32_t i = 0; topic != NULL && i < asked->partitions.count; i++) {
        const struct partition *partition = topic_partition(topic, asked->partitions.items[i]);
        if (partition != NULL)
            d->partitions[d->count++] = partition;
    }
}

/* What does not exist is passed over, as in Kafka. */
static bool collect_partitions(struct description *d)
{
    const struct describe_log_dirs_request *asked = d->request->message;
    struct server *server = d->request->server;
    d->partitions = arena_alloc(&d->request->arena, count_asked(d->request) * sizeof *d->partitions);
    if (d->partitions == NULL)
        return false;
    struct topic *topic, *next;
    if (asked->topics.count < 0) {
        HASH_ITER (by_name, server->topics.by_name, topic, next) {
            for (int32_t i = 0; i < topic->partition_count; i++)
                d->partitions[d->count++] = topic->partitions[i];
        }
    }
    for (int32_t i = 0; i < asked->topics.count; i++)
        add_asked(d, &asked->topics.items[i]);
    keep_each_once(d);
    return true;
}

static size_t count_topics(const struct description *d)
{
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++)
        count += i == 0 || d->partitions[i]->topic != d->partitions[i - 1]->topic;
    return count;
}

/* ---- what is told of them ---- */

static slice find_folder(struct kafka_request *request)
{
    char path[2 * PATH_MAX];
    const char *data = request->server->data;
    if (data[0] == '/' || getcwd(path, PATH_MAX) == NULL)
        return arena_copy(&request->arena, slice_of_text(data));
    size_t size = strlen(path);
    snprintf(path + size, sizeof path - size, "/%s", data);
    return arena_copy(&request->arena, slice_of_text(path));
}

static bool is_online(const struct partition *partition)
{
    return partition->log != NULL && !log_is_offline(partition->log);
}

/* The lag is that of a replica which is moving: there is none. */
static struct describe_log_dirs_response_partition describe_partition(const struct partition *partition)
{
    return (struct describe_log_dirs_response_partition){
        .partition_index = partition->index,
        .partition_size = partition->log != NULL ? (int64_t)log_bytes(partition->log) : -1,
        .offset_lag = partition->log != NULL ? 0 : -1,
    };
}

/* room: of how many partitions of the topic the dir may tell. */
static bool add_partition(struct description *d, struct describe_log_dirs_response_dir *dir,
                          const struct partition *partition, int32_t room)
{
    slice name = topic_name(partition->topic);
    if (dir->topics.count == 0 || !slice_equal(dir->topics.items[dir->topics.count - 1].name, name)) {
        struct describe_log_dirs_response_topic *topic = &dir->topics.items[dir->topics.count++];
        *topic = (struct describe_log_dirs_response_topic){.name = name};
        topic->partitions.items = arena_alloc(&d->request->arena, (size_t)room * sizeof *topic->partitions.items);
        if (topic->partitions.items == NULL)
            return false;
    }
    struct describe_log_dirs_response_topic *topic = &dir->topics.items[dir->topics.count - 1];
    topic->partitions.items[topic->partitions.count++] = describe_partition(partition);
    return true;
}

static struct describe_log_dirs_response_dir *add_dir(struct description *d, slice path, size_t topics)
{
    struct describe_log_dirs_response_dir *dir = &d->response.results.items[d->response.results.count++];
    *dir = DESCRIBE_LOG_DIRS_RESPONSE_DIR_DEFAULTS;
    dir->log_dir = path;
    dir->topics.items = arena_alloc(&d->request->arena, topics * sizeof *dir->topics.items);
    return dir->topics.items != NULL ? dir : NULL;
}

static bool add_data_folder(struct description *d)
{
    struct describe_log_dirs_response_dir *dir = add_dir(d, d->folder, count_topics(d));
    struct disk_space space;
    bool ok = dir != NULL;
    for (size_t i = 0; ok && i < d->count; i++) {
        if (is_online(d->partitions[i]))
            ok = add_partition(d, dir, d->partitions[i], d->partitions[i]->topic->partition_count);
    }
    if (ok && disk_find_space(d->request->server->disk, &space, NULL) == 0) {
        dir->total_bytes = (int64_t)space.total;
        dir->usable_bytes = (int64_t)space.free;
    } else if (ok) {
        dir->error_code = KAFKA_KAFKA_STORAGE_ERROR;
    }
    return ok;
}

static bool add_offline(struct description *d, const struct partition *partition)
{
    char name[DISK_PATH_MAX];
    char path[2 * PATH_MAX + DISK_PATH_MAX];
    if (partition_folder_name(topic_name(partition->topic), partition->index, name) != 0)
        return true;
    snprintf(path, sizeof path, "%.*s/%s", SLICE_PRINT(d->folder), name);
    slice copy = arena_copy(&d->request->arena, slice_of_text(path));
    struct describe_log_dirs_response_dir *dir = slice_is_null(copy) ? NULL : add_dir(d, copy, 1);
    if (dir == NULL)
        return false;
    dir->error_code = KAFKA_KAFKA_STORAGE_ERROR;
    return add_partition(d, dir, partition, 1);
}

static bool fill_response(struct description *d)
{
    size_t offline = 0;
    for (size_t i = 0; i < d->count; i++)
        offline += !is_online(d->partitions[i]);
    d->folder = find_folder(d->request);
    d->response.results.items = arena_alloc(&d->request->arena, (1 + offline) * sizeof *d->response.results.items);
    bool ok = !slice_is_null(d->folder) && d->response.results.items != NULL && add_data_folder(d);
    for (size_t i = 0; ok && i < d->count; i++) {
        if (!is_online(d->partitions[i]))
            ok = add_offline(d, d->partitions[i]);
    }
    return ok;
}

void handle_describe_log_dirs(struct kafka_request *request)
{
    struct description description = {.request = request, .response = DESCRIBE_LOG_DIRS_RESPONSE_DEFAULTS};
    if (collect_partitions(&description) && fill_response(&description))
        kafka_answer(request, &description.response);
    else
        kafka_close(request, "out of memory");
}
