/* Reading groups of the consumer protocol back. Records of one group come in any order of their kinds: compaction has
 * left the newest of each. */
#include "group/consumer_private.h"

#include <errno.h>

/* The group that a record speaks of; a tombstone makes none, and neither does one whose group is of the classic
 * protocol and has members. */
static int find_group(struct group_coordinator *coordinator, slice id, bool is_tombstone, bool takes_over,
                      struct consumer_group **found)
{
    struct group *group = group_find(coordinator, id);
    *found = NULL;
    if (group == NULL && !is_tombstone && (group = group_add(coordinator, id)) == NULL)
        return -ENOMEM;
    if (group == NULL)
        return 0;
    if (group->kind != &group_kind_consumer) {
        bool is_free = group->kind->is_empty(group) && slice_is_null(group->kind->protocol_type(group));
        if (is_tombstone || (!is_free && !takes_over))
            return 0;
        int rc = group_become(group, group_make_consumer);
        if (rc != 0)
            return rc;
    }
    *found = group->consumer;
    return 0;
}

static int find_member(struct consumer_group *group, slice id, bool is_tombstone, struct consumer_member **member)
{
    *member = consumer_find_member(group, id);
    if (*member != NULL || is_tombstone)
        return 0;
    *member = consumer_add_member(group, id);
    if (*member == NULL)
        return -ENOMEM;
    consumer_unmark(group, *member, DIRTY_MEMBER);
    return 0;
}

/* ---- each kind of record ---- */

static int load_epoch(struct consumer_group *group, reader *value, struct arena *arena)
{
    struct consumer_group_metadata_value record;
    int rc = kafka_decode_value(&consumer_group_metadata_value_type, value, &record, arena);
    if (rc != 0)
        return rc;
    group->epoch = record.epoch;
    group->metadata_hash = (uint64_t)record.metadata_hash;
    group->group->is_recorded = true;
    group->group->since = -1; /* since when it is empty, no record says */
    return 0;
}

static int load_target_epoch(struct consumer_group *group, reader *value, struct arena *arena)
{
    struct consumer_group_target_assignment_metadata_value record;
    int rc = kafka_decode_value(&consumer_group_target_assignment_metadata_value_type, value, &record, arena);
    if (rc != 0)
        return rc;
    group->target_epoch = record.assignment_epoch;
    group->target_at = record.assignment_timestamp;
    return 0;
}

static int load_protocols(struct consumer_group *group, struct consumer_member *member,
                          const struct consumer_group_member_metadata_value_classic_member *classic,
                          struct arena *arena)
{
    consumer_forget_protocols(group, member);
    if (classic == NULL || classic->supported_protocols.count <= 0)
        return 0;
    int32_t count = classic->supported_protocols.count;
    struct join_protocol *protocols = arena_alloc(arena, (size_t)count * sizeof *protocols);
    if (protocols == NULL)
        return -ENOMEM;
    for (int32_t i = 0; i < count; i++)
        protocols[i] = (struct join_protocol){classic->supported_protocols.items[i].name,
                                              classic->supported_protocols.items[i].metadata};
    return consumer_keep_protocols(group, member, protocols, count, classic->session_timeout_ms);
}

static int load_metadata(struct consumer_group *group, struct consumer_member *member, reader *value,
                         struct arena *arena)
{
    struct consumer_group_member_metadata_value record;
    int rc = kafka_decode_value(&consumer_group_member_metadata_value_type, value, &record, arena);
    if (rc != 0)
        return rc;
    struct consumer_description said = {.instance_id = record.instance_id,
                                        .rack_id = record.rack_id,
                                        .client_id = record.client_id,
                                        .client_host = record.client_host,
                                        .assignor = record.server_assignor,
                                        .regex = record.subscribed_topic_regex,
                                        .names = record.subscribed_topic_names.items,
                                        .name_count = record.subscribed_topic_names.count,
                                        .rebalance_timeout_ms = record.rebalance_timeout_ms};
    bool subscribes;
    rc = consumer_describe_member(group, member, &said, &subscribes);
    if (rc == 0)
        rc = load_protocols(group, member, record.classic_member_metadata, arena);
    consumer_unmark(group, member, DIRTY_MEMBER);
    member->is_described = true;
    return rc;
}

static int load_target(struct consumer_group *group, struct consumer_member *member, reader *value, struct arena *arena)
{
    struct consumer_group_target_assignment_member_value record;
    int rc = kafka_decode_value(&consumer_group_target_assignment_member_value_type, value, &record, arena);
    if (rc != 0)
        return rc;
    uint32_t count = 0;
    for (int32_t i = 0; i < record.topic_partitions.count; i++)
        count += (uint32_t)record.topic_partitions.items[i].partitions.count;
    struct claims claims;
    rc = claims_reserve(group->memory, &claims, count);
    if (rc != 0)
        return rc;
    for (int32_t i = 0; i < record.topic_partitions.count; i++) {
        const struct consumer_group_target_assignment_member_value_topic *topic = &record.topic_partitions.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++)
            claims_add(&claims, (struct claim){.topic = topic->topic_id, .partition = topic->partitions.items[j]});
    }
    claims_sort(&claims);
    claims_free(group->memory, &member->target);
    member->target = claims;
    return 0;
}

typedef struct consumer_group_current_member_assignment_value_topic_array held_topics;

static int load_claims(struct memory *memory, const held_topics *topics, int32_t epoch, struct claims *to)
{
    uint32_t count = 0;
    for (int32_t i = 0; i < topics->count; i++)
        count += (uint32_t)topics->items[i].partitions.count;
    struct claims claims;
    int rc = claims_reserve(memory, &claims, count);
    if (rc != 0)
        return rc;
    for (int32_t i = 0; i < topics->count; i++) {
        const struct consumer_group_current_member_assignment_value_topic *topic = &topics->items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            bool has_epoch = j < topic->assignment_epochs.count;
            claims_add(&claims, (struct claim){.topic = topic->topic_id,
                                               .partition = topic->partitions.items[j],
                                               .epoch = has_epoch ? topic->assignment_epochs.items[j] : epoch});
        }
    }
    claims_sort(&claims);
    claims_free(memory, to);
    *to = claims;
    return 0;
}

static int load_current(struct consumer_group *group, struct consumer_member *member, reader *value,
                        struct arena *arena)
{
    struct consumer_group_current_member_assignment_value record;
    int rc = kafka_decode_value(&consumer_group_current_member_assignment_value_type, value, &record, arena);
    if (rc != 0)
        return rc;
    if (record.state < MEMBER_STABLE || record.state > MEMBER_UNRELEASED)
        return FURROW_MALFORMED;
    rc = load_claims(group->memory, &record.assigned_partitions, record.member_epoch, &member->assigned);
    if (rc == 0)
        rc = load_claims(group->memory, &record.partitions_pending_revocation, record.member_epoch, &member->revoking);
    if (rc != 0)
        return rc;
    member->epoch = record.member_epoch;
    member->previous_epoch = record.previous_member_epoch;
    member->state = (enum consumer_member_state)record.state;
    return 0;
}

static int load_regex(struct consumer_group *group, slice text, reader *value, struct arena *arena)
{
    struct consumer_group_regular_expression_value record;
    int rc = kafka_decode_value(&consumer_group_regular_expression_value_type, value, &record, arena);
    if (rc != 0)
        return rc;
    struct consumer_regex *regex = consumer_find_regex(group, text);
    if (regex == NULL && (regex = consumer_add_regex(group, text)) == NULL)
        return -ENOMEM;
    regex->is_resolved = true;
    regex->resolved_at = record.timestamp;
    return name_list_make(group->memory, &regex->topics, record.topics.items, (size_t)record.topics.count);
}

/* ---- tombstones ---- */

static void free_if_bare(struct consumer_group *group, struct consumer_member *member)
{
    if (!member->is_described && member->target.count == 0 && member->epoch == 0)
        consumer_free_member(group, member);
}

static void bury(struct consumer_group *group, struct consumer_member *member, int16_t type)
{
    if (member == NULL)
        return;
    if (type == consumer_group_member_metadata_key_type.key) {
        member->is_described = false;
        consumer_drop(group, &member->regex);
        consumer_forget_instance(group, member);
        consumer_drop(group, &member->rack_id);
        consumer_drop(group, &member->assignor);
    } else if (type == consumer_group_target_assignment_member_key_type.key) {
        claims_free(group->memory, &member->target);
    } else {
        claims_free(group->memory, &member->assigned);
        claims_free(group->memory, &member->revoking);
        member->epoch = member->previous_epoch = 0;
        member->state = MEMBER_STABLE;
    }
    free_if_bare(group, member);
}

/* ---- dispatch ---- */

static int load_of_group(struct group_coordinator *coordinator, int16_t type, slice id, slice value,
                         struct arena *arena)
{
    struct consumer_group *group;
    bool is_epoch = type == consumer_group_metadata_key_type.key;
    int rc = find_group(coordinator, id, slice_is_null(value), is_epoch, &group);
    if (rc != 0 || group == NULL)
        return rc;
    reader r = reader_of(value);
    if (!slice_is_null(value))
        return is_epoch ? load_epoch(group, &r, arena) : load_target_epoch(group, &r, arena);
    if (is_epoch) {
        group->epoch = 0;
        group->metadata_hash = 0;
        group->group->is_recorded = false;
    } else {
        group->target_epoch = 0;
    }
    return 0;
}

static int load_of_member(struct group_coordinator *coordinator, int16_t type, slice id, slice member_id, slice value,
                          struct arena *arena)
{
    struct consumer_group *group;
    struct consumer_member *member;
    int rc = find_group(coordinator, id, slice_is_null(value), false, &group);
    if (rc != 0 || group == NULL)
        return rc;
    rc = find_member(group, member_id, slice_is_null(value), &member);
    if (rc != 0)
        return rc;
    reader r = reader_of(value);
    if (slice_is_null(value))
        bury(group, member, type);
    else if (type == consumer_group_member_metadata_key_type.key)
        rc = load_metadata(group, member, &r, arena);
    else if (type == consumer_group_target_assignment_member_key_type.key)
        rc = load_target(group, member, &r, arena);
    else
        rc = load_current(group, member, &r, arena);
    return rc;
}

static int load_of_regex(struct group_coordinator *coordinator, slice id, slice text, slice value, struct arena *arena)
{
    struct consumer_group *group;
    int rc = find_group(coordinator, id, slice_is_null(value), false, &group);
    if (rc != 0 || group == NULL)
        return rc;
    reader r = reader_of(value);
    return slice_is_null(value) ? 0 : load_regex(group, text, &r, arena);
}

bool consumer_loads(int16_t type)
{
    const int16_t types[] = {consumer_group_metadata_key_type.key,
                             consumer_group_member_metadata_key_type.key,
                             consumer_group_target_assignment_metadata_key_type.key,
                             consumer_group_target_assignment_member_key_type.key,
                             consumer_group_current_member_assignment_key_type.key,
                             consumer_group_regular_expression_key_type.key};
    size_t at = 0;
    while (at < sizeof types / sizeof types[0] && types[at] != type)
        at++;
    return at < sizeof types / sizeof types[0];
}

/* All keys are a group's id, and most a text behind it. */
int consumer_load(struct group_coordinator *coordinator, int16_t type, reader *key, slice value, struct arena *arena)
{
    struct consumer_group_regular_expression_key with_text;
    struct consumer_group_metadata_key alone;
    bool is_of_group =
        type == consumer_group_metadata_key_type.key || type == consumer_group_target_assignment_metadata_key_type.key;
    int rc = is_of_group ? kafka_decode(&consumer_group_metadata_key_type, 0, key, &alone, arena)
                         : kafka_decode(&consumer_group_regular_expression_key_type, 0, key, &with_text, arena);
    if (rc != 0)
        return rc;
    if (is_of_group)
        return load_of_group(coordinator, type, alone.group_id, value, arena);
    if (type == consumer_group_regular_expression_key_type.key)
        return load_of_regex(coordinator, with_text.group_id, with_text.regular_expression, value, arena);
    return load_of_member(coordinator, type, with_text.group_id, with_text.regular_expression, value, arena);
}

void consumer_loaded(struct consumer_group *group)
{
    for (struct consumer_member *member = group->members, *next; member != NULL; member = next) {
        next = member->next;
        if (member->is_described)
            continue;
        int rc = consumer_add_grave(group, member->id, false); /* or what is left of it stays in the log */
        (void)rc;                                              /* the next start tries again */
        consumer_free_member(group, member);
    }
    int64_t now = group->group->coordinator->time.steady;
    for (struct consumer_member *member = group->members; member != NULL; member = member->next) {
        consumer_begin_session(group, member, now);
        if (member->state == MEMBER_UNREVOKED)
            consumer_set_deadline(group, &member->rebalance_deadline, now + member->rebalance_timeout_ms);
    }
    int rc = consumer_refresh_topics(group);
    (void)rc; /* the first heartbeat does it again */
}
