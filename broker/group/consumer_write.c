/* What changed in a group, on its way to the log: everything that is marked, in Kafka's order and schemas.
 *
 * One batch of a group is under way at a time: so a later one cannot be durable where an earlier one failed, and what
 * many heartbeats change meanwhile goes with the next, together. A batch does not exceed what the log surely takes;
 * more go one after the other. A call waits for the batch behind which nothing is left of what it saw. */
#include "group/consumer_private.h"

#include <errno.h>

#define BATCH_BYTES ((size_t)512 << 10)

/* ---- records ---- */

struct recording {
    struct group_write *write;
    struct consumer_group *group;
    struct arena arena;
    int64_t now;
    int status; /* of the first failure */
};

static void record(struct recording *recording, const struct message_type *key_type, const void *key,
                   const struct message_type *value_type, const void *value)
{
    if (recording->status == 0)
        recording->status =
            group_records_add(&recording->write->builder, recording->now, key_type, key, value_type, 0, value);
    arena_reset(&recording->arena);
}

static slice text_or_empty(slice text)
{
    return slice_is_null(text) ? slice_of_text("") : text;
}

static bool list_protocols(struct recording *recording, const struct consumer_classic *from,
                           struct consumer_group_member_metadata_value_classic_member *to)
{
    *to = (struct consumer_group_member_metadata_value_classic_member){.session_timeout_ms = from->session_timeout_ms};
    to->supported_protocols.items =
        arena_alloc(&recording->arena, (size_t)from->count * sizeof *to->supported_protocols.items);
    if (to->supported_protocols.items == NULL) {
        recording->status = -ENOMEM;
        return false;
    }
    for (int32_t i = 0; i < from->count; i++)
        to->supported_protocols.items[to->supported_protocols.count++] =
            (struct consumer_group_member_metadata_value_classic_protocol){.name = from->protocols[i].name,
                                                                           .metadata = from->protocols[i].metadata};
    return true;
}

static void record_metadata(struct recording *recording, const struct consumer_member *member)
{
    struct consumer_group_member_metadata_key key = {.group_id = recording->group->group->id, .member_id = member->id};
    struct consumer_group_member_metadata_value value = CONSUMER_GROUP_MEMBER_METADATA_VALUE_DEFAULTS;
    value.instance_id = member->instance_id;
    value.rack_id = member->rack_id;
    value.client_id = text_or_empty(member->client_id);
    value.client_host = text_or_empty(member->client_host);
    value.subscribed_topic_names.items = member->names.items;
    value.subscribed_topic_names.count = (int32_t)member->names.count;
    value.subscribed_topic_regex = text_or_empty(member->regex);
    value.rebalance_timeout_ms = member->rebalance_timeout_ms;
    value.server_assignor = member->assignor;
    struct consumer_group_member_metadata_value_classic_member classic;
    if (member->classic != NULL && list_protocols(recording, member->classic, &classic))
        value.classic_member_metadata = &classic;
    record(recording, &consumer_group_member_metadata_key_type, &key, &consumer_group_member_metadata_value_type,
           &value);
}

static void record_target(struct recording *recording, const struct consumer_member *member)
{
    struct consumer_group_target_assignment_member_key key = {.group_id = recording->group->group->id,
                                                              .member_id = member->id};
    const struct claims *claims = &member->target;
    struct consumer_group_target_assignment_member_value_topic *topics =
        arena_alloc(&recording->arena, claims_topic_count(claims) * sizeof *topics);
    int32_t *partitions = arena_alloc(&recording->arena, claims->count * sizeof *partitions);
    if (topics == NULL || partitions == NULL) {
        recording->status = -ENOMEM;
        return;
    }
    struct consumer_group_target_assignment_member_value value = {.topic_partitions = {.items = topics}};
    for (uint32_t at = 0, run; at < claims->count; at += run) {
        run = claims_run(claims, at);
        for (uint32_t i = at; i < at + run; i++)
            partitions[i] = claims->items[i].partition;
        topics[value.topic_partitions.count++] = (struct consumer_group_target_assignment_member_value_topic){
            .topic_id = claims->items[at].topic, .partitions = {&partitions[at], (int32_t)run}};
    }
    record(recording, &consumer_group_target_assignment_member_key_type, &key,
           &consumer_group_target_assignment_member_value_type, &value);
}

typedef struct consumer_group_current_member_assignment_value_topic_array held_topics;

static void list_held(struct recording *recording, const struct claims *claims, held_topics *held)
{
    held->items = arena_alloc(&recording->arena, claims_topic_count(claims) * sizeof *held->items);
    int32_t *partitions = arena_alloc(&recording->arena, claims->count * sizeof *partitions);
    int32_t *epochs = arena_alloc(&recording->arena, claims->count * sizeof *epochs);
    if (held->items == NULL || partitions == NULL || epochs == NULL) {
        recording->status = -ENOMEM;
        return;
    }
    for (uint32_t at = 0, run; at < claims->count; at += run) {
        run = claims_run(claims, at);
        for (uint32_t i = at; i < at + run; i++) {
            partitions[i] = claims->items[i].partition;
            epochs[i] = claims->items[i].epoch;
        }
        held->items[held->count++] = (struct consumer_group_current_member_assignment_value_topic){
            .topic_id = claims->items[at].topic,
            .partitions = {&partitions[at], (int32_t)run},
            .assignment_epochs = {&epochs[at], (int32_t)run}};
    }
}

static void record_current(struct recording *recording, const struct consumer_member *member)
{
    struct consumer_group_current_member_assignment_key key = {.group_id = recording->group->group->id,
                                                               .member_id = member->id};
    struct consumer_group_current_member_assignment_value value =
        CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT_VALUE_DEFAULTS;
    value.member_epoch = member->epoch;
    value.previous_member_epoch = member->previous_epoch;
    value.state = (int8_t)member->state;
    list_held(recording, &member->assigned, &value.assigned_partitions);
    list_held(recording, &member->revoking, &value.partitions_pending_revocation);
    record(recording, &consumer_group_current_member_assignment_key_type, &key,
           &consumer_group_current_member_assignment_value_type, &value);
}

static void record_regex(struct recording *recording, const struct consumer_regex *regex)
{
    struct consumer_group_regular_expression_key key = {.group_id = recording->group->group->id,
                                                        .regular_expression = regex->text};
    struct consumer_group_regular_expression_value value = {
        .topics = {regex->topics.items, (int32_t)regex->topics.count},
        .version = (int64_t)regex->version,
        .timestamp = regex->resolved_at};
    record(recording, &consumer_group_regular_expression_key_type, &key, &consumer_group_regular_expression_value_type,
           &value);
}

static void record_epoch(struct recording *recording)
{
    struct consumer_group_metadata_key key = {.group_id = recording->group->group->id};
    struct consumer_group_metadata_value value = {.epoch = recording->group->epoch,
                                                  .metadata_hash = (int64_t)recording->group->metadata_hash};
    record(recording, &consumer_group_metadata_key_type, &key, &consumer_group_metadata_value_type, &value);
}

static void record_target_epoch(struct recording *recording)
{
    struct consumer_group_target_assignment_metadata_key key = {.group_id = recording->group->group->id};
    struct consumer_group_target_assignment_metadata_value value = {
        .assignment_epoch = recording->group->target_epoch, .assignment_timestamp = recording->group->target_at};
    record(recording, &consumer_group_target_assignment_metadata_key_type, &key,
           &consumer_group_target_assignment_metadata_value_type, &value);
}

static int add_tombstones_of(slice group_id, slice text, bool is_regex, struct batch_builder *builder, int64_t now)
{
    if (is_regex) {
        struct consumer_group_regular_expression_key key = {.group_id = group_id, .regular_expression = text};
        return group_records_add(builder, now, &consumer_group_regular_expression_key_type, &key, NULL, 0, NULL);
    }
    struct consumer_group_current_member_assignment_key current = {.group_id = group_id, .member_id = text};
    struct consumer_group_target_assignment_member_key target = {.group_id = group_id, .member_id = text};
    struct consumer_group_member_metadata_key metadata = {.group_id = group_id, .member_id = text};
    int rc =
        group_records_add(builder, now, &consumer_group_current_member_assignment_key_type, &current, NULL, 0, NULL);
    if (rc == 0)
        rc = group_records_add(builder, now, &consumer_group_target_assignment_member_key_type, &target, NULL, 0, NULL);
    return rc == 0 ? group_records_add(builder, now, &consumer_group_member_metadata_key_type, &metadata, NULL, 0, NULL)
                   : rc;
}

static void record_grave(struct recording *recording, const struct consumer_grave *grave)
{
    if (recording->status == 0)
        recording->status = add_tombstones_of(recording->group->group->id, slice_of(grave->text, grave->size),
                                              grave->is_regex, &recording->write->builder, recording->now);
}

static int add_tombstones_of_graves(slice group_id, const struct consumer_grave *graves, struct batch_builder *builder,
                                    int64_t now)
{
    int rc = 0;
    for (const struct consumer_grave *g = graves; g != NULL && rc == 0; g = g->next)
        rc = add_tombstones_of(group_id, slice_of(g->text, g->size), g->is_regex, builder, now);
    return rc;
}

/* Of what a batch under way buries, too: it may fail. */
int consumer_add_tombstones(const struct group *group, struct batch_builder *builder, int64_t now)
{
    const struct consumer_group *consumer = group->consumer;
    struct consumer_group_target_assignment_metadata_key target = {.group_id = group->id};
    struct consumer_group_metadata_key epoch = {.group_id = group->id};
    int rc = add_tombstones_of_graves(group->id, consumer->graves, builder, now);
    if (rc == 0 && consumer->under_way != NULL)
        rc = add_tombstones_of_graves(group->id, consumer->under_way->graves, builder, now);
    for (const struct consumer_member *m = consumer->members; m != NULL && rc == 0; m = m->next)
        rc = add_tombstones_of(group->id, m->id, false, builder, now);
    for (const struct consumer_regex *r = consumer->regexes; r != NULL && rc == 0; r = r->next)
        rc = add_tombstones_of(group->id, r->text, true, builder, now);
    if (rc == 0)
        rc = group_records_add(builder, now, &consumer_group_target_assignment_metadata_key_type, &target, NULL, 0,
                               NULL);
    return rc == 0 ? group_records_add(builder, now, &consumer_group_metadata_key_type, &epoch, NULL, 0, NULL) : rc;
}

/* ---- graves ---- */

int consumer_add_grave(struct consumer_group *group, slice text, bool is_regex)
{
    struct consumer_grave *grave = memory_alloc(group->memory, MEMORY_GROUPS, sizeof *grave + text.size);
    if (grave == NULL)
        return -ENOMEM;
    *grave = (struct consumer_grave){.next = group->graves, .is_regex = is_regex, .size = text.size};
    if (text.size > 0)
        memcpy(grave->text, text.data, text.size);
    group->graves = grave;
    return 0;
}

void consumer_free_graves(struct memory *memory, struct consumer_grave *graves)
{
    while (graves != NULL) {
        struct consumer_grave *next = graves->next;
        memory_free(memory, MEMORY_GROUPS, graves, sizeof *graves + graves->size);
        graves = next;
    }
}

/* ---- writing ---- */

void consumer_mark_all(struct consumer_group *group)
{
    group->dirty |= DIRTY_EPOCH | DIRTY_TARGET_EPOCH;
    if (group->was_classic)
        group->dirty |= DIRTY_CLASSIC;
    for (struct consumer_member *m = group->members; m != NULL; m = m->next)
        consumer_mark(group, m, DIRTY_MEMBER);
    for (struct consumer_regex *r = group->regexes; r != NULL; r = r->next)
        consumer_mark_regex(group, r);
}

static bool is_dirty(const struct consumer_group *group)
{
    return group->dirty != 0 || group->graves != NULL || group->marked != NULL || group->marked_regexes > 0;
}

static bool has_room(const struct recording *recording)
{
    return recording->status == 0 && recording->write->batch.size < BATCH_BYTES;
}

/* Unmarks what is recorded. Graves stay with the write until it is known what became of them. */
static void record_members(struct recording *recording, uint8_t what,
                           void (*record_one)(struct recording *, const struct consumer_member *))
{
    for (struct consumer_member *m = recording->group->marked, *next; m != NULL && has_room(recording); m = next) {
        next = m->marked_next;
        if ((m->dirty & what) == 0)
            continue;
        record_one(recording, m);
        consumer_unmark(recording->group, m, what);
    }
}

static void record_all(struct recording *recording)
{
    struct consumer_group *group = recording->group;
    if ((group->dirty & DIRTY_CLASSIC) != 0) {
        recording->status =
            group_records_add_classic_tombstone(&recording->write->builder, recording->now, group->group->id);
        group->dirty &= (uint8_t)~DIRTY_CLASSIC;
    }
    while (group->graves != NULL && has_room(recording)) {
        struct consumer_grave *grave = group->graves;
        record_grave(recording, grave);
        group->graves = grave->next;
        grave->next = recording->write->graves;
        recording->write->graves = grave;
    }
    record_members(recording, DIRTY_METADATA, record_metadata);
    struct consumer_regex *regex = group->marked_regexes > 0 ? group->regexes : NULL;
    for (; regex != NULL && has_room(recording); regex = regex->next) {
        if (regex->is_marked)
            record_regex(recording, regex);
        consumer_unmark_regex(group, regex);
    }
    if ((group->dirty & DIRTY_EPOCH) != 0 && has_room(recording)) {
        record_epoch(recording);
        group->dirty &= (uint8_t)~DIRTY_EPOCH;
    }
    record_members(recording, DIRTY_TARGET, record_target);
    record_members(recording, DIRTY_CURRENT, record_current);
    if ((group->dirty & DIRTY_TARGET_EPOCH) != 0 && has_room(recording)) {
        record_target_epoch(recording);
        group->dirty &= (uint8_t)~DIRTY_TARGET_EPOCH;
    }
}

static void take_graves_back(struct consumer_group *group, struct consumer_grave *graves)
{
    while (graves != NULL) {
        struct consumer_grave *next = graves->next;
        graves->next = group->graves;
        group->graves = graves;
        graves = next;
    }
}

static bool write_batch(struct consumer_group *group)
{
    struct group_write *write = group_write_open(group->group, WRITE_KIND);
    if (write == NULL)
        return false;
    struct recording recording = {.write = write, .group = group, .now = group->group->coordinator->time.wall};
    arena_init(&recording.arena, group->memory, MEMORY_GROUPS, SIZE_MAX);
    record_all(&recording);
    arena_close(&recording.arena);
    struct consumer_grave *graves = write->graves; /* the batch may not close, and they are needed then */
    write->graves = NULL;
    if (!group_write_send(write, recording.status)) {
        take_graves_back(group, graves);
        return false;
    }
    write->graves = graves;
    group->under_way = write;
    if (!is_dirty(group))
        group_answers_move(&write->waiting, &group->waiting);
    return true;
}

/* Nothing is believed of what failed. */
static void fail(struct consumer_group *group, enum kafka_error error)
{
    struct group_answers failed;
    group_answers_init(&failed);
    group_answers_move(&failed, &group->waiting);
    while (failed.first != NULL)
        group_answers_add(&group->group->coordinator->answers, group_answers_take(&failed), error);
    consumer_mark_all(group);
    consumer_set_deadline(group, &group->retry_at, group->group->coordinator->time.steady + CONSUMER_RETRY_MS);
}

void consumer_write(struct consumer_group *group)
{
    if (group->under_way != NULL || !is_dirty(group))
        return;
    group->retry_at = GROUP_NEVER;
    if (group->group->is_deleting) { /* what came behind the tombstones would outlive them */
        fail(group, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (!write_batch(group))
        fail(group, KAFKA_COORDINATOR_NOT_AVAILABLE);
}

void consumer_write_for(struct consumer_group *group, struct group_call *call)
{
    bool dirty = is_dirty(group);
    if (!dirty && group->under_way == NULL) {
        group_answers_add(&group->group->coordinator->answers, call, KAFKA_NONE);
        return;
    }
    group_answers_add(dirty ? &group->waiting : &group->under_way->waiting, call, KAFKA_NONE);
    consumer_write(group);
}

void consumer_written(struct consumer_group *group, struct group_write *write, enum kafka_error error)
{
    group->under_way = NULL;
    if (error == KAFKA_NONE) {
        consumer_write(group);
        return;
    }
    take_graves_back(group, write->graves);
    write->graves = NULL;
    fail(group, classic_write_error(error));
}
