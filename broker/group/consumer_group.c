/* Groups of the consumer protocol as a kind of group. */
#include "group/consumer_private.h"

#include <errno.h>

/* ---- life ---- */

int group_make_consumer(struct group *group)
{
    struct memory *memory = group->coordinator->memory;
    const struct group_store *store = &group->coordinator->store;
    uint32_t seed;
    struct consumer_group *made = memory_alloc_zeroed(memory, MEMORY_GROUPS, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    store->random(store->context, &seed, sizeof seed);
    made->group = group;
    made->memory = memory;
    text_index_init(&made->by_id, memory, MEMORY_GROUPS, seed);
    text_index_init(&made->by_instance, memory, MEMORY_GROUPS, seed);
    text_index_init(&made->by_regex, memory, MEMORY_GROUPS, seed);
    made->needs_refresh = true;
    group_answers_init(&made->waiting);
    made->regexes_at = INT64_MIN / 2;
    made->assigned_at = INT64_MIN / 2;
    made->retry_at = made->resume_at = made->wake_at = GROUP_NEVER;
    group->consumer = made;
    group->kind = &group_kind_consumer;
    return 0;
}

static void close_group(struct group *group, enum kafka_error error)
{
    struct consumer_group *consumer = group->consumer;
    while (consumer->waiting.first != NULL)
        group_answers_add(&group->coordinator->answers, group_answers_take(&consumer->waiting), error);
    while (consumer->members != NULL)
        consumer_free_member(consumer, consumer->members);
    consumer_free_regexes(consumer);
    consumer_free_topics(consumer);
    text_index_close(&consumer->by_id);
    text_index_close(&consumer->by_instance);
    text_index_close(&consumer->by_regex);
    consumer_free_graves(consumer->memory, consumer->graves);
    memory_free(consumer->memory, MEMORY_GROUPS, consumer, sizeof *consumer);
}

static void end_waits(struct group *group, enum kafka_error error)
{
    (void)group, (void)error;
}

static void loaded(struct group *group)
{
    consumer_loaded(group->consumer);
}

/* ---- time ---- */

static int64_t wake_at(const struct group *group)
{
    return group->consumer->wake_at;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t deadline_of(const struct consumer_member *member)
{
    return earlier(member->session_deadline, member->rebalance_deadline);
}

static void put_off(struct consumer_member *member, int64_t until)
{
    if (member->session_deadline < until)
        member->session_deadline = until;
    if (member->rebalance_deadline < until)
        member->rebalance_deadline = until;
}

static void expire(struct group *group)
{
    struct consumer_group *consumer = group->consumer;
    int64_t now = group->coordinator->time.steady;
    bool any = false;
    if (now < consumer->wake_at)
        return;
    for (struct consumer_member *member = consumer->members, *next; member != NULL; member = next) {
        next = member->next;
        if (deadline_of(member) > now)
            continue;
        any = true;
        if (consumer_dismiss(consumer, member) != 0)
            put_off(member, now + CONSUMER_RETRY_MS);
    }
    if (any)
        consumer_end_dismissals(consumer);
    consumer_resume(consumer);
    consumer_write(consumer);
    consumer->wake_at = earlier(consumer->retry_at, consumer->resume_at);
    for (const struct consumer_member *member = consumer->members; member != NULL; member = member->next)
        consumer->wake_at = earlier(consumer->wake_at, deadline_of(member));
    if (any)
        consumer_downgrade_if_due(group);
}

static void written(struct group *group, struct group_write *write, enum kafka_error error)
{
    consumer_written(group->consumer, write, error);
}

/* ---- requests ---- */

static enum kafka_error stale_error(const struct consumer_member *member)
{
    return member->classic != NULL ? KAFKA_ILLEGAL_GENERATION : KAFKA_STALE_MEMBER_EPOCH;
}

/* A member may commit what it was given in that epoch or before, though its epoch has risen since (KIP-1251). */
static void refuse_stale(const struct consumer_group *group, const struct consumer_member *member,
                         const struct commit_call *commit)
{
    const struct group_topics *topics = &group->group->coordinator->store.topics;
    for (size_t i = 0; i < commit->count; i++) {
        struct commit_partition *asked = &commit->partitions[i];
        struct group_topic topic;
        const struct claim *claim = NULL;
        if (topics->find(topics->context, asked->topic, &topic)) {
            claim = claims_find(&member->assigned, topic.id, asked->partition);
            if (claim == NULL)
                claim = claims_find(&member->revoking, topic.id, asked->partition);
        }
        if (asked->error == KAFKA_NONE && (claim == NULL || commit->generation < claim->epoch))
            asked->error = stale_error(member);
    }
}

static enum kafka_error check_commit(struct group *group, const struct commit_call *commit, bool transactional)
{
    struct consumer_group *consumer = group->consumer;
    if (commit->generation < 0 && consumer->member_count == 0)
        return KAFKA_NONE; /* an operator's */
    const struct consumer_member *member = consumer_find_member(consumer, commit->member_id);
    if (member == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (member->classic == NULL && !transactional && commit->is_old)
        return KAFKA_UNSUPPORTED_VERSION;
    if (commit->generation < 0 || commit->generation > member->epoch)
        return stale_error(member);
    if (commit->generation < member->epoch)
        refuse_stale(consumer, member, commit);
    return KAFKA_NONE;
}

enum kafka_error group_check_fetch(const struct group *group, slice member_id, int32_t epoch)
{
    if (!group_is_consumer(group) || (slice_is_null(member_id) && epoch < 0))
        return KAFKA_NONE;
    const struct consumer_member *member = consumer_find_member(group->consumer, member_id);
    if (member == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    return member->epoch == epoch ? KAFKA_NONE : stale_error(member);
}

/* ---- looking ---- */

bool group_is_consumer(const struct group *group)
{
    return group->kind == &group_kind_consumer;
}

static uint32_t member_count(const struct group *group)
{
    return group->consumer->member_count;
}

static bool is_empty(const struct group *group)
{
    return group->consumer->member_count == 0;
}

static bool has_member(const struct group *group, slice id)
{
    return consumer_find_member(group->consumer, id) != NULL;
}

static bool is_awaited(const struct group *group)
{
    (void)group;
    return false;
}

static bool list_subscribed(const struct group *group, group_topic_callback *callback, void *context)
{
    for (const struct consumer_member *m = group->consumer->members; m != NULL; m = m->next) {
        for (uint32_t i = 0; i < m->names.count; i++)
            callback(context, m->names.items[i]);
    }
    for (const struct consumer_regex *r = group->consumer->regexes; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->topics.count; i++)
            callback(context, r->topics.items[i]);
    }
    return true;
}

static slice protocol_type(const struct group *group)
{
    (void)group;
    return slice_of_text("consumer");
}

static const char *state_text(const struct group *group)
{
    const struct consumer_group *consumer = group->consumer;
    if (consumer->member_count == 0)
        return "Empty";
    if (consumer->epoch > consumer->target_epoch)
        return "Assigning";
    for (const struct consumer_member *m = consumer->members; m != NULL; m = m->next) {
        if (m->state != MEMBER_STABLE || m->epoch != consumer->target_epoch)
            return "Reconciling";
    }
    return "Stable";
}

const struct group_kind group_kind_consumer = {
    .type = "consumer",
    .close = close_group,
    .end_waits = end_waits,
    .loaded = loaded,
    .wake_at = wake_at,
    .expire = expire,
    .written = written,
    .add_tombstones = consumer_add_tombstones,
    .join = consumer_classic_join,
    .sync = consumer_classic_sync,
    .heartbeat = consumer_classic_heartbeat,
    .leave = consumer_classic_leave,
    .check_commit = check_commit,
    .is_empty = is_empty,
    .member_count = member_count,
    .is_awaited = is_awaited,
    .has_member = has_member,
    .list_subscribed = list_subscribed,
    .protocol_type = protocol_type,
    .state_text = state_text,
};
