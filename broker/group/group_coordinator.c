/* uthash's table comes from the ledger too: every function that changes it has `coordinator` in scope. */
#define HASH_NONFATAL_OOM        1
#define uthash_malloc(size)      memory_alloc(coordinator->memory, MEMORY_GROUPS, size)
#define uthash_free(block, size) memory_free(coordinator->memory, MEMORY_GROUPS, block, size)
#include "group/consumer_private.h"

#include <errno.h>

/* ---- the table ---- */

struct group *group_find(const struct group_coordinator *coordinator, slice id)
{
    struct group *group = NULL;
    HASH_FIND(by_id, coordinator->groups, id.data, id.size, group);
    return group;
}

bool group_has_memory(const struct group_coordinator *coordinator, enum group_share share)
{
    size_t used = atomic_load(&coordinator->memory->counts[MEMORY_GROUPS].bytes);
    return used < coordinator->limits->memory_bytes / 8 * share;
}

static void free_group(struct group *group)
{
    struct memory *memory = group->coordinator->memory;
    memory_free(memory, MEMORY_GROUPS, (void *)(uintptr_t)group->id.data, group->id.size);
    memory_free(memory, MEMORY_GROUPS, group, sizeof *group);
}

static struct group *allocate_group(struct group_coordinator *coordinator, slice id)
{
    struct group *group = memory_alloc_zeroed(coordinator->memory, MEMORY_GROUPS, sizeof *group);
    uint8_t *copy = memory_alloc(coordinator->memory, MEMORY_GROUPS, id.size);
    if (group == NULL || copy == NULL) {
        memory_free(coordinator->memory, MEMORY_GROUPS, copy, id.size);
        memory_free(coordinator->memory, MEMORY_GROUPS, group, sizeof *group);
        return NULL;
    }
    if (id.size > 0)
        memcpy(copy, id.data, id.size);
    group->coordinator = coordinator;
    group->id = slice_of(copy, id.size);
    group->since = coordinator->time.wall;
    committed_offsets_init(&group->offsets, coordinator->memory);
    group->pending.offsets = &group->offsets;
    return group;
}

struct group *group_add(struct group_coordinator *coordinator, slice id)
{
    struct group *group = allocate_group(coordinator, id);
    if (group == NULL)
        return NULL;
    if (group_make_classic(group) != 0)
        goto err_free;
    HASH_ADD_KEYPTR(by_id, coordinator->groups, group->id.data, group->id.size, group);
    if (group->by_id.tbl == NULL)
        goto err_close;
    coordinator->group_count++;
    return group;

err_close:
    group->kind->close(group, KAFKA_COORDINATOR_NOT_AVAILABLE);
err_free:
    free_group(group);
    return NULL;
}

int group_become(struct group *group, int (*make)(struct group *group))
{
    struct group former = *group;
    int rc = make(group);
    if (rc != 0)
        return rc;
    group->former_kinds++;
    former.kind->close(&former, KAFKA_NOT_COORDINATOR);
    return 0;
}

static void detach(struct group *group)
{
    struct group_coordinator *coordinator = group->coordinator;
    HASH_DELETE(by_id, coordinator->groups, group);
    coordinator->group_count--;
}

void group_remove(struct group *group)
{
    if (!group->is_forgotten)
        detach(group);
    group->kind->close(group, KAFKA_NOT_COORDINATOR);
    pending_owner_close(&group->coordinator->pending, &group->pending);
    committed_offsets_close(&group->offsets);
    free_group(group);
}

/* One for a request that may begin a group; NULL where the bounds or memory forbid. */
static struct group *find_or_add(struct group_coordinator *coordinator, slice id)
{
    struct group *group = group_find(coordinator, id);
    if (group != NULL)
        return group;
    bool is_full = coordinator->group_count >= coordinator->limits->max_groups ||
                   !group_has_memory(coordinator, GROUP_SHARE_NEWCOMERS);
    return is_full || coordinator->has_given_up ? NULL : group_add(coordinator, id);
}

/* ---- life ---- */

int group_coordinator_open(struct memory *memory, const struct group_coordinator_limits *limits,
                           const struct group_store *store, struct group_coordinator **opened)
{
    struct group_coordinator *coordinator = memory_alloc_zeroed(memory, MEMORY_GROUPS, sizeof *coordinator);
    if (coordinator == NULL)
        return -ENOMEM;
    coordinator->memory = memory;
    coordinator->limits = limits;
    coordinator->store = *store;
    coordinator->wake_at = GROUP_NEVER;
    group_answers_init(&coordinator->answers);
    pending_offsets_init(&coordinator->pending, memory);
    *opened = coordinator;
    return 0;
}

void group_coordinator_close(struct group_coordinator *coordinator)
{
    struct group *group, *next;
    HASH_ITER (by_id, coordinator->groups, group, next)
        group_remove(group);
    group_give_answers(coordinator);
    pending_offsets_close(&coordinator->pending);
    memory_free(coordinator->memory, MEMORY_GROUPS, coordinator, sizeof *coordinator);
}

void group_coordinator_end_waits(struct group_coordinator *coordinator, struct group_time now)
{
    struct group *group, *next;
    coordinator->time = now;
    HASH_ITER (by_id, coordinator->groups, group, next)
        group->kind->end_waits(group, KAFKA_NOT_COORDINATOR);
    group_give_answers(coordinator);
}

void group_coordinator_forget_all(struct group_coordinator *coordinator, struct group_time now)
{
    struct group *group, *next;
    coordinator->time = now;
    HASH_ITER (by_id, coordinator->groups, group, next) {
        if (group->writes == 0) {
            group_remove(group);
            continue;
        }
        detach(group);
        group->is_forgotten = true;
        group->kind->end_waits(group, KAFKA_NOT_COORDINATOR);
    }
    coordinator->has_given_up = false;
    group_give_answers(coordinator);
}

bool group_coordinator_idle(const struct group_coordinator *coordinator)
{
    return coordinator->writes == 0;
}

/* A client's next request may come in from within: it adds to the list that is being given out. */
void group_give_answers(struct group_coordinator *coordinator)
{
    if (coordinator->is_answering)
        return;
    coordinator->is_answering = true;
    group_answers_give(&coordinator->answers);
    coordinator->is_answering = false;
}

/* ---- time ---- */

void group_note_wake(struct group *group)
{
    int64_t at = group->kind->wake_at(group);
    if (at < group->coordinator->wake_at)
        group->coordinator->wake_at = at;
}

int64_t group_coordinator_wake_at(const struct group_coordinator *coordinator)
{
    return coordinator->wake_at;
}

void group_coordinator_expire(struct group_coordinator *coordinator, struct group_time now)
{
    struct group *group, *next;
    coordinator->time = now;
    if (now.steady < coordinator->wake_at)
        return;
    coordinator->wake_at = GROUP_NEVER;
    HASH_ITER (by_id, coordinator->groups, group, next) {
        group->kind->expire(group);
        group_note_wake(group);
    }
    group_give_answers(coordinator);
}

/* ---- members ---- */

static void end_call(struct group *group)
{
    group_note_wake(group);
    group_give_answers(group->coordinator);
}

static void refuse_join(struct group_coordinator *coordinator, struct join_call *join, enum kafka_error error)
{
    classic_refuse_join(&coordinator->answers, join, join->member_id, error);
    group_give_answers(coordinator);
}

/* An empty group of another kind is one of that kind from now on; what the log says of it as it was, goes. (Who was
 * only given an id is no member yet.) */
static bool take_over_empty(struct group *group, const struct group_kind *kind, int (*make)(struct group *group))
{
    if (group->kind == kind || !group->kind->is_empty(group))
        return true;
    if (group->is_recorded || group->writes > 0) { /* what is on its way may be its first record */
        struct group_write *write = group_write_open(group, WRITE_BURIAL);
        int64_t now = group->coordinator->time.wall;
        if (write == NULL || !group_write_send(write, group->kind->add_tombstones(group, &write->builder, now)))
            return false;
    }
    group->is_recorded = false;
    return group_become(group, make) == 0;
}

void group_coordinator_join(struct group_coordinator *coordinator, slice group_id, struct join_call *join,
                            struct group_time now)
{
    coordinator->time = now;
    enum kafka_error error = classic_group_check_join(&coordinator->limits->groups, group_id, join);
    if (error != KAFKA_NONE) {
        refuse_join(coordinator, join, error);
        return;
    }
    bool is_new = join->member_id.size == 0 || coordinator->has_given_up;
    struct group *group = is_new ? find_or_add(coordinator, group_id) : group_find(coordinator, group_id);
    if (group == NULL) {
        refuse_join(coordinator, join, is_new ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_UNKNOWN_MEMBER_ID);
        return;
    }
    enum group_share share =
        group->kind->has_member(group, join->member_id) ? GROUP_SHARE_MEMBERS : GROUP_SHARE_NEWCOMERS;
    if (group->is_deleting || !group_has_memory(coordinator, share) ||
        !take_over_empty(group, &group_kind_classic, group_make_classic)) {
        refuse_join(coordinator, join, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    group->kind->join(group, join);
    end_call(group);
}

void group_coordinator_sync(struct group_coordinator *coordinator, slice group_id, struct sync_call *sync,
                            struct group_time now)
{
    coordinator->time = now;
    struct group *group = group_find(coordinator, group_id);
    if (group_id.size == 0 || group == NULL) {
        sync->assignment = slice_of_text("");
        sync->found_protocol_type = sync->found_protocol = NULL_SLICE;
        group_answers_add(&coordinator->answers, &sync->call,
                          group_id.size == 0 ? KAFKA_INVALID_GROUP_ID : KAFKA_UNKNOWN_MEMBER_ID);
        group_give_answers(coordinator);
        return;
    }
    group->kind->sync(group, sync);
    end_call(group);
}

enum kafka_error group_coordinator_heartbeat(struct group_coordinator *coordinator, slice group_id, slice member_id,
                                             slice instance_id, int32_t generation, struct group_time now)
{
    coordinator->time = now;
    if (group_id.size == 0)
        return KAFKA_INVALID_GROUP_ID;
    struct group *group = group_find(coordinator, group_id);
    if (group == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    enum kafka_error error = group->kind->heartbeat(group, member_id, instance_id, generation);
    group_note_wake(group);
    return error;
}

enum kafka_error group_coordinator_leave(struct group_coordinator *coordinator, slice group_id,
                                         struct leave_member *members, size_t count, struct group_time now)
{
    coordinator->time = now;
    if (group_id.size == 0)
        return KAFKA_INVALID_GROUP_ID;
    struct group *group = group_find(coordinator, group_id);
    if (group == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    group->kind->leave(group, members, count);
    end_call(group);
    return KAFKA_NONE;
}

/* The group of a heartbeat that joins; NULL and the words of a refusal. */
static struct group *find_or_make_consumer(struct group_coordinator *coordinator, struct consumer_call *call)
{
    struct group *group = group_find(coordinator, call->asked->group_id);
    bool is_consumer = group != NULL && group->kind == &group_kind_consumer;
    enum kafka_error error = is_consumer ? KAFKA_NONE : consumer_check_join(coordinator, call);
    if (error != KAFKA_NONE) { /* before anything is made, or another kind of group */
        group_answers_add(&coordinator->answers, &call->call, error);
        return NULL;
    }
    group = find_or_add(coordinator, call->asked->group_id);
    bool is_known = group != NULL && group->kind->has_member(group, call->asked->member_id);
    bool can = group != NULL && !group->is_deleting &&
               group_has_memory(coordinator, is_known ? GROUP_SHARE_MEMBERS : GROUP_SHARE_NEWCOMERS) &&
               take_over_empty(group, &group_kind_consumer, group_make_consumer);
    if (!can) {
        group_answers_add(&coordinator->answers, &call->call,
                          consumer_refuse(call, KAFKA_COORDINATOR_NOT_AVAILABLE, "Out of room for groups."));
        return NULL;
    }
    if (group->kind == &group_kind_classic && !consumer_upgrade(group, call))
        return NULL;
    return group;
}

/* What it says is kept; one that says nothing is heard whatever the memory. */
static bool brings_something(const struct consumer_group_heartbeat_request *asked)
{
    return asked->subscribed_topic_names.count > 0 || asked->subscribed_topic_regex.size > 0;
}

static struct group *find_consumer(struct group_coordinator *coordinator, struct consumer_call *call)
{
    slice id = call->asked->group_id;
    struct group *group = group_find(coordinator, id);
    if (coordinator->has_given_up) {
        group = NULL;
        group_answers_add(&coordinator->answers, &call->call,
                          consumer_refuse(call, KAFKA_COORDINATOR_NOT_AVAILABLE, "The groups cannot be read."));
    } else if (group == NULL) {
        group_answers_add(&coordinator->answers, &call->call,
                          consumer_refuse(call, KAFKA_GROUP_ID_NOT_FOUND, "%s %.*s not found.",
                                          call->asked->member_epoch < 0 ? "Group" : "Consumer group",
                                          id.size < 200 ? (int)id.size : 200, (const char *)id.data));
    } else if (group->kind != &group_kind_consumer) {
        group = NULL;
        group_answers_add(&coordinator->answers, &call->call,
                          consumer_refuse(call, KAFKA_GROUP_ID_NOT_FOUND, "Group %.*s is not a consumer group.",
                                          id.size < 200 ? (int)id.size : 200, (const char *)id.data));
    } else if (brings_something(call->asked) && !group_has_memory(coordinator, GROUP_SHARE_MEMBERS)) {
        group = NULL;
        group_answers_add(&coordinator->answers, &call->call,
                          consumer_refuse(call, KAFKA_COORDINATOR_NOT_AVAILABLE, "Out of room for groups."));
    }
    return group;
}

/* A join that is refused leaves no group behind. */
static void end_heartbeat(struct group *group, bool was_there)
{
    bool is_nothing =
        group->kind->is_empty(group) && group->writes == 0 && !group->is_recorded && group->offsets.topic_count == 0;
    if (!was_there && is_nothing)
        group_remove(group);
    else
        group_note_wake(group);
}

void group_coordinator_consumer_heartbeat(struct group_coordinator *coordinator, struct consumer_call *call,
                                          struct group_time now)
{
    bool was_there = group_find(coordinator, call->asked->group_id) != NULL;
    coordinator->time = now;
    call->response = CONSUMER_GROUP_HEARTBEAT_RESPONSE_DEFAULTS;
    call->is_checked = false;
    enum kafka_error error = consumer_check_request(coordinator, call);
    struct group *group = NULL;
    if (error != KAFKA_NONE)
        group_answers_add(&coordinator->answers, &call->call, error);
    else if (call->asked->member_epoch == 0 && !coordinator->has_given_up)
        group = find_or_make_consumer(coordinator, call);
    else
        group = find_consumer(coordinator, call);
    if (group != NULL) {
        consumer_heartbeat(group->consumer, call);
        end_heartbeat(group, was_there);
    }
    group_give_answers(coordinator);
}

/* ---- looking ---- */

uint32_t group_coordinator_count(const struct group_coordinator *coordinator)
{
    return coordinator->group_count;
}

const struct group *group_coordinator_find(const struct group_coordinator *coordinator, slice group_id)
{
    return group_find(coordinator, group_id);
}

int group_coordinator_list(const struct group_coordinator *coordinator, group_callback *callback, void *context)
{
    struct group *group, *next;
    HASH_ITER (by_id, coordinator->groups, group, next) {
        int rc = callback(context, group);
        if (rc != 0)
            return rc;
    }
    return 0;
}

slice group_id(const struct group *group)
{
    return group->id;
}

const struct classic_group *group_classic(const struct group *group)
{
    return group->kind == &group_kind_classic ? group->classic : NULL;
}

const char *group_type_text(const struct group *group)
{
    return group->kind->type;
}

const char *group_state_text(const struct group *group)
{
    return group->kind->state_text(group);
}

slice group_protocol_type(const struct group *group)
{
    return group->kind->protocol_type(group);
}

uint32_t group_member_count(const struct group *group)
{
    return group->kind->member_count(group);
}

const struct committed_offsets *group_offsets(const struct group *group)
{
    return &group->offsets;
}
