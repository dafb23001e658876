#include "group/group_records.h"

#include "kafka/messages.h"

#include <errno.h>

#define GROUP_VALUE_VERSION           3
#define OFFSET_VALUE_VERSION          4
#define EXPIRING_OFFSET_VALUE_VERSION 1 /* the only one that says when, but no leader epoch, no topic id */
#define TEXT_MAX                      ((size_t)16 << 20) /* bytes of a key or a value */

/* ---- writing ---- */

int group_records_add(struct batch_builder *builder, int64_t now, const struct message_type *key_type, const void *key,
                      const struct message_type *value_type, int16_t version, const void *value)
{
    struct memory *memory = builder->to->memory;
    writer key_writer, value_writer;
    writer_init(&key_writer, memory, MEMORY_GROUPS, TEXT_MAX);
    writer_init(&value_writer, memory, MEMORY_GROUPS, TEXT_MAX);
    int rc = kafka_encode_key(key_type, key, &key_writer);
    if (rc == 0 && value != NULL)
        rc = kafka_encode_value(value_type, version, value, &value_writer);
    if (rc == 0)
        batch_builder_add(builder, now, writer_slice(&key_writer),
                          value != NULL ? writer_slice(&value_writer) : NULL_SLICE);
    writer_close(&key_writer);
    writer_close(&value_writer);
    return rc;
}

int group_records_add_offset(struct batch_builder *builder, int64_t now, slice group, slice topic, struct uuid topic_id,
                             int32_t partition, const struct committed_offset *value)
{
    struct offset_commit_key key = {.group = group, .topic = topic, .partition = partition};
    struct offset_commit_value record = OFFSET_COMMIT_VALUE_DEFAULTS;
    if (value != NULL) {
        record.offset = value->offset;
        record.leader_epoch = value->leader_epoch;
        record.metadata = slice_is_null(value->metadata) ? slice_of_text("") : value->metadata;
        record.commit_timestamp = value->committed_at;
        record.expire_timestamp = value->expires_at;
        record.topic_id = topic_id;
    }
    int16_t version = value != NULL && value->expires_at != 0 ? EXPIRING_OFFSET_VALUE_VERSION : OFFSET_VALUE_VERSION;
    return group_records_add(builder, now, &offset_commit_key_type, &key, &offset_commit_value_type, version,
                             value != NULL ? &record : NULL);
}

struct member_list {
    struct group_metadata_value_member *members;
    int32_t count;
};

static int list_member(void *context, const struct classic_member_view *view)
{
    struct member_list *list = context;
    list->members[list->count++] = (struct group_metadata_value_member){
        .member_id = view->id,
        .group_instance_id = view->instance_id,
        .client_id = view->client_id,
        .client_host = view->client_host,
        .rebalance_timeout = view->rebalance_timeout_ms,
        .session_timeout = view->session_timeout_ms,
        .subscription = view->metadata,
        .assignment = view->assignment,
    };
    return 0;
}

int group_records_add_classic(struct batch_builder *builder, int64_t now, const struct classic_group *group)
{
    struct memory *memory = builder->to->memory;
    size_t size = (size_t)classic_group_member_count(group) * sizeof(struct group_metadata_value_member);
    struct member_list list = {.members = memory_alloc_zeroed(memory, MEMORY_GROUPS, size)};
    if (list.members == NULL)
        return -ENOMEM;
    classic_group_list_members(group, list_member, &list);
    struct group_metadata_key key = {.group = classic_group_id(group)};
    struct group_metadata_value value = GROUP_METADATA_VALUE_DEFAULTS;
    slice type = classic_group_protocol_type(group);
    value.protocol_type = slice_is_null(type) ? slice_of_text("") : type;
    value.generation = classic_group_generation(group);
    value.protocol = classic_group_protocol(group);
    value.leader = classic_group_leader(group);
    value.current_state_timestamp = now;
    value.members.items = list.members;
    value.members.count = list.count;
    int rc = group_records_add(builder, now, &group_metadata_key_type, &key, &group_metadata_value_type,
                               GROUP_VALUE_VERSION, &value);
    memory_free(memory, MEMORY_GROUPS, list.members, size);
    return rc;
}

int group_records_add_classic_tombstone(struct batch_builder *builder, int64_t now, slice group)
{
    struct group_metadata_key key = {.group = group};
    return group_records_add(builder, now, &group_metadata_key_type, &key, NULL, 0, NULL);
}

/* ---- reading ---- */

static int parse_offset(reader *key, slice value, struct arena *arena, struct group_record *record)
{
    struct offset_commit_key decoded;
    int rc = kafka_decode(&offset_commit_key_type, 0, key, &decoded, arena);
    if (rc != 0)
        return rc;
    record->kind = GROUP_RECORD_OFFSET;
    record->group = decoded.group;
    record->topic = decoded.topic;
    record->partition = decoded.partition;
    if (record->is_tombstone)
        return 0;
    struct offset_commit_value committed;
    reader r = reader_of(value);
    rc = kafka_decode_value(&offset_commit_value_type, &r, &committed, arena);
    record->topic_id = committed.topic_id;
    record->offset =
        (struct committed_offset){.offset = committed.offset,
                                  .committed_at = committed.commit_timestamp,
                                  .expires_at = committed.expire_timestamp > 0 ? committed.expire_timestamp : 0,
                                  .leader_epoch = committed.leader_epoch,
                                  .metadata = committed.metadata};
    return rc;
}

static int parse_members(const struct group_metadata_value *value, struct arena *arena, struct group_record *record)
{
    size_t count = value->members.count > 0 ? (size_t)value->members.count : 0;
    record->members = arena_alloc(arena, count * sizeof *record->members);
    if (record->members == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct group_metadata_value_member *member = &value->members.items[i];
        record->members[i] = (struct classic_member_view){
            .id = member->member_id,
            .instance_id = member->group_instance_id,
            .client_id = member->client_id,
            .client_host = member->client_host,
            .metadata = member->subscription,
            .assignment = member->assignment,
            .session_timeout_ms = member->session_timeout,
            .rebalance_timeout_ms = member->rebalance_timeout,
        };
    }
    record->member_count = (int32_t)count;
    return 0;
}

static int parse_classic(reader *key, slice value, struct arena *arena, struct group_record *record)
{
    struct group_metadata_key decoded;
    int rc = kafka_decode(&group_metadata_key_type, 0, key, &decoded, arena);
    if (rc != 0)
        return rc;
    record->kind = GROUP_RECORD_CLASSIC;
    record->group = decoded.group;
    if (record->is_tombstone)
        return 0;
    struct group_metadata_value group;
    reader r = reader_of(value);
    rc = kafka_decode_value(&group_metadata_value_type, &r, &group, arena);
    if (rc != 0)
        return rc;
    record->protocol_type = group.protocol_type;
    record->protocol = group.protocol;
    record->leader = group.leader;
    record->generation = group.generation;
    record->since = group.current_state_timestamp;
    return parse_members(&group, arena, record);
}

int group_records_parse(slice key, slice value, struct arena *arena, struct group_record *record)
{
    reader r = reader_of(key);
    *record = (struct group_record){.is_tombstone = slice_is_null(value), .since = -1};
    int16_t type = read_i16(&r);
    if (!reader_ok(&r))
        return FURROW_MALFORMED;
    /* The two versions of an offset's key have one layout; Kafka before 0.9 wrote 0. */
    if (type == offset_commit_key_type.key || type == legacy_offset_commit_key_type.key)
        return parse_offset(&r, value, arena, record);
    if (type == group_metadata_key_type.key)
        return parse_classic(&r, value, arena, record);
    return 0;
}
