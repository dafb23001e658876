#include "operations/find_offset.h"

#include "container.h"
#include "operations/failure.h"

#define NO_EPOCH (-1) /* other negative ones are older than any */

static void set_not_found(struct find_offset *find)
{
    find->offset = -1;
    find->found_timestamp = -1;
    find->leader_epoch = -1;
}

static void finish(struct find_offset *find, enum kafka_error code)
{
    find->error = code;
    if (code != KAFKA_NONE)
        set_not_found(find);
    find->done(find);
}

static int64_t end_for(const struct find_offset *find)
{
    const struct log *log = find->partition->log;
    return find->committed ? log_stable_end_offset(log) : log_end_offset(log);
}

static void execute(struct job *job)
{
    log_find_execute(CONTAINER_OF(job, struct find_offset, job)->search);
}

static void start_queued(struct find_group *group);

/* The next ones are begun first: the group may go with the last that is done. */
static void on_searched(struct job *job)
{
    struct find_offset *find = CONTAINER_OF(job, struct find_offset, job);
    struct operations *operations = find->operations;
    struct topic *topic = find->partition->topic;
    int rc = log_find_end(find->partition->log, find->search, &find->offset, &find->found_timestamp,
                          &find->leader_epoch, NULL);
    find->group->running--;
    start_queued(find->group);
    finish(find, failure_code(rc));
    topic_release(operations->topics, topic);
}

/* KAFKA_NONE: it is searched. */
static enum kafka_error begin_search(struct find_offset *find)
{
    if (find->partition->topic->is_deleted)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    int64_t timestamp = find->timestamp == FIND_MAX_TIMESTAMP ? LOG_FIND_MAX_TIMESTAMP : find->timestamp;
    int rc = log_find_begin(find->partition->log, timestamp, end_for(find), &find->search, NULL);
    if (rc != 0)
        return failure_code(rc);
    find->group->running++;
    find->job.execute = execute;
    find->job.done = on_searched;
    jobs_submit(find->operations->jobs, &find->job, JOB_RECORDS);
    return KAFKA_NONE;
}

static void start_queued(struct find_group *group)
{
    while (group->queued != NULL && group->running < FIND_SEARCHES_MAX) {
        struct find_offset *find = group->queued;
        struct operations *operations = find->operations;
        struct topic *topic = find->partition->topic;
        group->queued = find->next;
        if (group->queued == NULL)
            group->queued_tail = &group->queued;
        enum kafka_error code = begin_search(find);
        if (code == KAFKA_NONE)
            continue;
        finish(find, code);
        topic_release(operations->topics, topic);
    }
}

static void search(struct find_offset *find)
{
    struct find_group *group = find->group;
    topic_hold(find->partition->topic);
    find->next = NULL;
    *group->queued_tail = find;
    group->queued_tail = &find->next;
    start_queued(group);
}

void find_group_init(struct find_group *group)
{
    *group = (struct find_group){.running = 0};
    group->queued_tail = &group->queued;
}

/* The epoch of the log's first record: the smallest one that ends behind it. The present one while there is none. */
static int32_t earliest_epoch(const struct log *log)
{
    int64_t start = log_start_offset(log);
    int32_t low = 0, high = log_leader_epoch(log);
    while (low < high) {
        int32_t middle = low + (high - low) / 2, epoch;
        int64_t end;
        find_epoch_end(log, middle, &epoch, &end);
        if (end > start)
            high = middle;
        else
            low = middle + 1;
    }
    return high;
}

void find_offset_start(struct operations *operations, struct find_offset *find)
{
    const struct log *log = find->partition->log;
    find->operations = operations;
    set_not_found(find);
    if (log == NULL) {
        finish(find, KAFKA_KAFKA_STORAGE_ERROR);
        return;
    }
    switch (find->timestamp) {
    case FIND_LATEST:
        find->offset = end_for(find);
        find->leader_epoch = log_leader_epoch(log);
        break;
    case FIND_EARLIEST:
    case FIND_EARLIEST_LOCAL:
        find->offset = log_start_offset(log);
        find->leader_epoch = earliest_epoch(log);
        break;
    case FIND_LATEST_TIERED:
    case FIND_EARLIEST_PENDING_UPLOAD:
        break;
    default:
        search(find);
        return;
    }
    finish(find, KAFKA_NONE);
}

void find_epoch_end(const struct log *log, int32_t epoch, int32_t *found_epoch, int64_t *end_offset)
{
    log_find_epoch_end(log, epoch, found_epoch, end_offset);
    if (*found_epoch == -1 && epoch >= 0 && epoch <= log_leader_epoch(log)) {
        *found_epoch = epoch;
        *end_offset = log_end_offset(log);
    }
}

enum kafka_error find_epoch_error(const struct log *log, int32_t client_epoch)
{
    int32_t present = log_leader_epoch(log);
    if (client_epoch == NO_EPOCH || client_epoch == present)
        return KAFKA_NONE;
    return client_epoch < present ? KAFKA_FENCED_LEADER_EPOCH : KAFKA_UNKNOWN_LEADER_EPOCH;
}
