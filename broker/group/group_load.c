/* Reading the log of groups at start: the last record of a key holds. */
#include "group/group_private.h"

#include <errno.h>

static int load_offset(struct group_coordinator *coordinator, int64_t producer_id, const struct group_record *record)
{
    struct group *group = group_find(coordinator, record->group);
    bool is_pending = producer_id != BATCH_NO_PRODUCER_ID && !record->is_tombstone;
    if (group != NULL && !is_pending)
        pending_owner_drop(&group->coordinator->pending, &group->pending, record->topic, record->partition);
    if (record->is_tombstone) {
        if (group != NULL)
            committed_offsets_remove(&group->offsets, record->topic, record->partition);
        return 0;
    }
    if (group == NULL && (group = group_add(coordinator, record->group)) == NULL)
        return -ENOMEM;
    if (is_pending)
        return group_transaction_load(group, producer_id, record);
    return committed_offsets_put(&group->offsets, record->topic, record->partition, &record->offset);
}

static int load_members(struct group *group, const struct group_record *record)
{
    int rc = classic_group_load(group->classic, record->protocol_type, record->protocol, record->generation);
    for (int32_t i = 0; i < record->member_count && rc == 0; i++) {
        bool leads = slice_equal(record->members[i].id, record->leader);
        rc = classic_group_load_member(group->classic, &record->members[i], leads);
    }
    return rc;
}

/* The state machine of what the record says; the offsets stay. */
static int load_classic(struct group_coordinator *coordinator, const struct group_record *record)
{
    struct group *group = group_find(coordinator, record->group);
    bool is_other = group != NULL && group->kind != &group_kind_classic;
    if (record->is_tombstone && (group == NULL || is_other))
        return 0;
    if (group == NULL && (group = group_add(coordinator, record->group)) == NULL)
        return -ENOMEM;
    if (is_other && group_become(group, group_make_classic) != 0)
        return -ENOMEM;
    group->is_recorded = !record->is_tombstone;
    group->since = record->since;
    classic_group_clear(group->classic);
    return record->is_tombstone ? 0 : load_members(group, record);
}

int group_coordinator_load(struct group_coordinator *coordinator, slice key, slice value, struct arena *arena)
{
    return group_coordinator_load_transactional(coordinator, BATCH_NO_PRODUCER_ID, key, value, arena);
}

int group_coordinator_load_transactional(struct group_coordinator *coordinator, int64_t producer_id, slice key,
                                         slice value, struct arena *arena)
{
    struct group_record record;
    reader r = reader_of(key);
    int16_t type = read_i16(&r);
    if (reader_ok(&r) && consumer_loads(type))
        return consumer_load(coordinator, type, &r, value, arena);
    int rc = group_records_parse(key, value, arena, &record);
    if (rc != 0)
        return rc;
    switch (record.kind) {
    case GROUP_RECORD_OFFSET:
        return load_offset(coordinator, producer_id, &record);
    case GROUP_RECORD_CLASSIC:
        return load_classic(coordinator, &record);
    case GROUP_RECORD_OTHER:
        break;
    }
    return 0;
}

void group_coordinator_loaded(struct group_coordinator *coordinator, struct group_time now)
{
    struct group *group, *next;
    coordinator->time = now;
    HASH_ITER (by_id, coordinator->groups, group, next) {
        if (group->since < 0)
            group->since = now.wall;
        bool is_left = !group->is_recorded && group->offsets.topic_count == 0;
        if (is_left) {
            group_remove(group);
            continue;
        }
        group->kind->loaded(group);
        group_note_wake(group);
    }
    group_give_answers(coordinator);
}

void group_coordinator_give_up(struct group_coordinator *coordinator)
{
    struct group *group, *next;
    HASH_ITER (by_id, coordinator->groups, group, next)
        group_remove(group);
    coordinator->has_given_up = true;
}

bool group_coordinator_available(const struct group_coordinator *coordinator)
{
    return !coordinator->has_given_up;
}
