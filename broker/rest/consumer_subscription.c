/* What an instance reads.
 *
 * Every change goes one way: the partitions stop being its own, what is to be committed is, and only then does the
 * member join again with what it wants by now, or leave. Changes that come meanwhile change what it wants. */
#include "group/subscription_regex.h"
#include "operations/groups.h"
#include "rest/consumer_private.h"
#include "server.h"

#include <errno.h>
#include <stdlib.h>

#define SUBSCRIPTION_BYTES ((size_t)1 << 20)

/* ---- places in the log ---- */

struct partition *consumer_instance_locate(const struct consumer_instance *instance,
                                           struct consumer_partition *partition)
{
    const struct topic *topic = topics_find(&instance->server->topics, partition->topic);
    if (topic == NULL)
        return NULL;
    if (!uuid_is_zero(partition->topic_id) && !uuid_equal(partition->topic_id, topic->id))
        partition->position = partition->acknowledged = partition->committed = CONSUMER_NO_POSITION;
    partition->topic_id = topic->id;
    struct partition *found = topic_partition(topic, partition->index);
    return found != NULL && found->log != NULL ? found : NULL;
}

void consumer_instance_reset(const struct consumer_instance *instance, struct consumer_partition *partition)
{
    const struct partition *found = consumer_instance_locate(instance, partition);
    if (found == NULL || instance->settings.reset == CONSUMER_NO_RESET)
        consumer_partition_put(partition, CONSUMER_NO_POSITION);
    else if (instance->settings.reset == CONSUMER_EARLIEST)
        consumer_partition_put(partition, log_start_offset(found->log));
    else
        consumer_partition_put(partition, log_stable_end_offset(found->log));
}

bool consumer_instance_place(const struct consumer_instance *instance, struct consumer_partition *partition)
{
    if (consumer_instance_locate(instance, partition) == NULL)
        return false;
    if (partition->position != CONSUMER_NO_POSITION)
        return true;
    const struct group_coordinator *groups = group_service_coordinator(instance->server->groups);
    if (!group_coordinator_available(groups)) /* what was committed is not known: nobody may take it for nothing */
        return false;
    const struct group *group = group_coordinator_find(groups, instance->group);
    const struct committed_offset *committed =
        group != NULL ? committed_offsets_find(group_offsets(group), partition->topic, partition->index) : NULL;
    if (committed == NULL) {
        consumer_instance_reset(instance, partition);
    } else {
        consumer_partition_put(partition, committed->offset);
        partition->committed = committed->offset;
    }
    return partition->position != CONSUMER_NO_POSITION;
}

static void place_all(struct consumer_instance *instance)
{
    for (size_t i = 0; i < instance->partitions.count; i++)
        (void)consumer_instance_place(instance, &instance->partitions.items[i]);
}

void consumer_instance_acknowledge(struct consumer_instance *instance)
{
    for (size_t i = 0; i < instance->partitions.count; i++)
        instance->partitions.items[i].acknowledged = instance->partitions.items[i].position;
}

/* ---- the member ---- */

static void list_topics(void *context, const slice **topics, size_t *count)
{
    const struct consumer_instance *instance = context;
    *topics = instance->topics;
    *count = instance->topic_count;
}

/* Between two generations that follow each other nobody else can have read what is its own in both. */
static void on_assigned(void *context, const struct consumer_protocol_assignment *assignment)
{
    struct consumer_instance *instance = context;
    int32_t generation = instance->member.generation;
    if (!consumer_is_subscribed(instance) || instance->is_handing_over)
        return;
    if (generation != instance->generation && generation != instance->generation + 1)
        consumer_partitions_clear(&instance->partitions);
    const struct consumer_protocol_assignment_topic_array *topics = &assignment->assigned_partitions;
    int rc =
        consumer_partitions_set(&instance->partitions, topics->items, topics->count > 0 ? (size_t)topics->count : 0);
    if (rc != 0) {
        consumer_partitions_clear(&instance->partitions);
        instance->member.error = KAFKA_COORDINATOR_NOT_AVAILABLE;
        consumer_member_join(&instance->member);
        return;
    }
    instance->generation = generation;
    instance->is_assigned = true;
    place_all(instance);
    consumer_tell_waiters(instance, CONSUMER_CHANGED);
}

static void on_left(void *context)
{
    struct consumer_instance *instance = context;
    if (consumer_is_subscribed(instance) && !instance->is_handing_over)
        consumer_member_join(&instance->member);
    else
        consumer_instance_settle(instance);
}

const struct consumer_member_owner consumer_instance_owner = {
    .list_topics = list_topics, .assigned = on_assigned, .left = on_left};

/* ---- the way from one choice to the next ---- */

static void on_handed_over(void *context, enum kafka_error error)
{
    struct consumer_instance *instance = context;
    (void)error; /* what is not committed is read again */
    instance->is_handing_over = false;
    if (consumer_is_subscribed(instance))
        consumer_member_join(&instance->member);
    else
        consumer_member_leave(&instance->member);
}

void consumer_hand_over(struct consumer_instance *instance, enum consumer_extent extent)
{
    bool has_something = instance->is_assigned || instance->mode == CONSUMER_ASSIGNED;
    instance->is_assigned = false;
    consumer_fetch_interrupt(instance);
    if (instance->is_handing_over)
        return;
    instance->is_handing_over = true;
    if (has_something && instance->settings.auto_commits)
        consumer_commit_positions(instance, extent, on_handed_over, instance);
    else
        on_handed_over(instance, KAFKA_NONE);
}

static void forget_subscription(struct consumer_instance *instance)
{
    arena_close(&instance->subscription);
    arena_init(&instance->subscription, instance->server->memory, MEMORY_GROUPS, SUBSCRIPTION_BYTES);
    instance->topics = NULL;
    instance->topic_count = 0;
    instance->pattern = NULL_SLICE;
}

/* ---- topics ---- */

static int compare_names(const void *a, const void *b)
{
    return slice_compare(*(const slice *)a, *(const slice *)b);
}

/* In the arena, sorted, each once. */
static slice *copy_names(struct arena *arena, const slice *names, size_t *count)
{
    size_t kept = 0;
    slice *copies = arena_alloc(arena, *count * sizeof *copies);
    for (size_t i = 0; copies != NULL && i < *count; i++) {
        copies[i] = arena_copy(arena, names[i]);
        if (slice_is_null(copies[i]))
            return NULL;
    }
    if (copies == NULL)
        return NULL;
    qsort(copies, *count, sizeof *copies, compare_names);
    for (size_t i = 0; i < *count; i++) {
        if (kept == 0 || !slice_equal(copies[kept - 1], copies[i]))
            copies[kept++] = copies[i];
    }
    *count = kept;
    return copies;
}

static int replace_subscription(struct consumer_instance *instance, enum consumer_mode mode, slice pattern,
                                const slice *names, size_t count)
{
    struct arena arena;
    arena_init(&arena, instance->server->memory, MEMORY_GROUPS, SUBSCRIPTION_BYTES);
    slice *topics = copy_names(&arena, names, &count);
    slice kept = slice_is_null(pattern) ? NULL_SLICE : arena_copy(&arena, pattern);
    if (topics == NULL || slice_is_null(kept) != slice_is_null(pattern)) {
        arena_close(&arena);
        return -ENOMEM;
    }
    forget_subscription(instance);
    arena_close(&instance->subscription);
    instance->subscription = arena;
    instance->topics = topics;
    instance->topic_count = count;
    instance->pattern = kept;
    instance->mode = mode;
    return 0;
}

int consumer_instance_subscribe(struct consumer_instance *instance, const slice *topics, size_t count)
{
    if (instance->mode != CONSUMER_IDLE && instance->mode != CONSUMER_TOPICS)
        return -EINVAL;
    if (count == 0) {
        consumer_instance_unsubscribe(instance);
        return 0;
    }
    int rc = replace_subscription(instance, CONSUMER_TOPICS, NULL_SLICE, topics, count);
    if (rc == 0)
        consumer_hand_over(instance, CONSUMER_ACKNOWLEDGED);
    return rc;
}

/* ---- patterns ---- */

struct matching {
    struct subscription_regex *regex;
    slice *names; /* borrowed from the topics */
    size_t count, room;
};

/* Internal topics are not what anybody means by ".*". */
static int match_topics(const struct topics *topics, struct matching *matching, struct error *error)
{
    for (const struct topic *topic = topics->by_name; topic != NULL; topic = topic->by_name.next) {
        bool matches = false;
        int rc = topic->is_internal ? 0 : subscription_regex_match(matching->regex, topic_name(topic), &matches, error);
        if (rc != 0)
            return rc;
        if (matches && matching->count < matching->room)
            matching->names[matching->count++] = topic_name(topic);
    }
    return 0;
}

static bool same_topics(const struct consumer_instance *instance, const slice *names, size_t count)
{
    size_t same = 0;
    for (size_t i = 0; i < count; i++)
        same += bsearch(&names[i], instance->topics, instance->topic_count, sizeof(slice), compare_names) != NULL;
    return same == count && count == instance->topic_count;
}

/* *differs: its topics are others now. */
static int ask_pattern(struct consumer_instance *instance, slice pattern, bool *differs, struct error *error)
{
    struct server *server = instance->server;
    struct matching matching = {.room = server->topics.count};
    *differs = false;
    int rc = subscription_regex_compile(server->memory, pattern, &matching.regex, error);
    if (rc != 0)
        return rc;
    matching.names = memory_alloc(server->memory, MEMORY_GROUPS, matching.room * sizeof(slice));
    rc = matching.names != NULL ? match_topics(&server->topics, &matching, error) : -ENOMEM;
    if (rc == 0) {
        instance->topics_seen = server->topics.changes;
        *differs = instance->mode != CONSUMER_PATTERN || !slice_equal(instance->pattern, pattern) ||
                   !same_topics(instance, matching.names, matching.count);
    }
    if (rc == 0 && *differs)
        rc = replace_subscription(instance, CONSUMER_PATTERN, pattern, matching.names, matching.count);
    memory_free(server->memory, MEMORY_GROUPS, matching.names, matching.room * sizeof(slice));
    subscription_regex_close(matching.regex);
    return rc;
}

int consumer_instance_subscribe_pattern(struct consumer_instance *instance, slice pattern, struct error *error)
{
    bool differs;
    if (instance->mode != CONSUMER_IDLE && instance->mode != CONSUMER_PATTERN)
        return -EINVAL;
    int rc = ask_pattern(instance, pattern, &differs, error);
    if (rc == 0 && differs)
        consumer_hand_over(instance, CONSUMER_ACKNOWLEDGED);
    return rc;
}

/* ---- by hand, and not at all ---- */

int consumer_instance_assign(struct consumer_instance *instance,
                             const struct consumer_protocol_assignment_topic *topics, size_t count)
{
    if (instance->mode != CONSUMER_IDLE && instance->mode != CONSUMER_ASSIGNED)
        return -EINVAL;
    if (instance->settings.auto_commits && instance->mode == CONSUMER_ASSIGNED)
        consumer_commit_positions(instance, CONSUMER_ACKNOWLEDGED, NULL, NULL);
    int rc = consumer_partitions_set(&instance->partitions, topics, count);
    if (rc != 0)
        return rc;
    instance->mode = instance->partitions.count > 0 ? CONSUMER_ASSIGNED : CONSUMER_IDLE;
    consumer_fetch_interrupt(instance);
    place_all(instance);
    consumer_tell_waiters(instance, CONSUMER_CHANGED);
    return 0;
}

void consumer_instance_unsubscribe(struct consumer_instance *instance)
{
    enum consumer_mode mode = instance->mode;
    if (mode == CONSUMER_IDLE)
        return;
    if (mode == CONSUMER_ASSIGNED && instance->settings.auto_commits)
        consumer_commit_positions(instance, CONSUMER_HANDED_OUT, NULL, NULL);
    instance->mode = CONSUMER_IDLE;
    if (mode != CONSUMER_ASSIGNED)
        consumer_hand_over(instance, CONSUMER_HANDED_OUT);
    consumer_partitions_clear(&instance->partitions);
    forget_subscription(instance);
    consumer_fetch_interrupt(instance);
    consumer_tell_waiters(instance, CONSUMER_CHANGED);
}

bool consumer_instance_is_ready(const struct consumer_instance *instance)
{
    return !consumer_is_subscribed(instance) || instance->is_assigned;
}

/* ---- time ---- */

static bool refresh_pattern(struct consumer_instance *instance)
{
    bool differs = false;
    struct error error;
    if (instance->mode != CONSUMER_PATTERN || instance->topics_seen == instance->server->topics.changes)
        return false;
    return ask_pattern(instance, instance->pattern, &differs, &error) == 0 && differs;
}

void consumer_subscription_tick(struct consumer_instance *instance)
{
    if (!consumer_is_subscribed(instance) || instance->is_handing_over || instance->member.is_leaving)
        return;
    if (refresh_pattern(instance)) {
        consumer_hand_over(instance, CONSUMER_ACKNOWLEDGED);
        return;
    }
    enum kafka_error error = consumer_member_beat(&instance->member);
    if (error != KAFKA_NONE) {
        if (error != KAFKA_REBALANCE_IN_PROGRESS)
            consumer_partitions_clear(&instance->partitions);
        consumer_hand_over(instance, CONSUMER_ACKNOWLEDGED);
    } else if (instance->member.state == CONSUMER_OUT && instance->member.error != KAFKA_NONE) {
        consumer_tell_waiters(instance, CONSUMER_CHANGED);
    }
}
