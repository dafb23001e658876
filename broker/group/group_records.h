/* The records of __consumer_offsets, in Kafka's own schemas (protocol/kafka/messages/group_records.txt and
 * offset_records.txt; versions as Kafka 4 writes them, which its kafka-dump-log reads). Each adds to an open batch; a
 * failure sticks to the builder. */
#pragma once

#include "batch_builder.h"
#include "group/classic_group.h"
#include "group/committed_offsets.h"
#include "kafka/codec.h"

/* Any record; value NULL: a tombstone. */
MUST_USE int group_records_add(struct batch_builder *builder, int64_t now, const struct message_type *key_type,
                               const void *key, const struct message_type *value_type, int16_t version,
                               const void *value);
/* value NULL: a tombstone. topic_id is the topic's as it is now; zero: there is none. */
MUST_USE int group_records_add_offset(struct batch_builder *builder, int64_t now, slice group, slice topic,
                                      struct uuid topic_id, int32_t partition, const struct committed_offset *value);
/* The group as it is. */
MUST_USE int group_records_add_classic(struct batch_builder *builder, int64_t now, const struct classic_group *group);
MUST_USE int group_records_add_classic_tombstone(struct batch_builder *builder, int64_t now, slice group);

/* What one record says; everything borrows from the record and the arena. */
enum group_record_kind { GROUP_RECORD_OTHER, GROUP_RECORD_OFFSET, GROUP_RECORD_CLASSIC };

struct group_record {
    enum group_record_kind kind; /* OTHER: of a kind that is not known here; to be passed over */
    slice group;
    bool is_tombstone;
    slice topic;          /* OFFSET */
    struct uuid topic_id; /* zero: the record says nothing of it */
    int32_t partition;
    struct committed_offset offset;
    slice protocol_type; /* CLASSIC */
    slice protocol;
    slice leader;
    int32_t generation;
    int64_t since; /* ms, wall clock: when it came into its state; -1: not known */
    struct classic_member_view *members;
    int32_t member_count;
};

/* FURROW_MALFORMED, FURROW_WRONG_VERSION, -ENOMEM. */
MUST_USE int group_records_parse(slice key, slice value, struct arena *arena, struct group_record *record);
