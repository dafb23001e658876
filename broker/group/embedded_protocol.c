#include "group/embedded_protocol.h"

#include "reader.h"
#include "writer.h"

#include <errno.h>

#define NEWEST_VERSION 3
#define BYTES_MAX      ((size_t)16 << 20)

/* ---- reading ---- */

static int16_t known_version(int16_t version)
{
    return version > NEWEST_VERSION ? NEWEST_VERSION : version;
}

static int read_message(const struct message_type *type, slice bytes, struct arena *arena, void *message)
{
    reader r = reader_of(bytes);
    int16_t version = read_i16(&r);
    if (!reader_ok(&r) || version < 0)
        return FURROW_MALFORMED;
    return kafka_decode(type, known_version(version), &r, message, arena);
}

int embedded_read_subscription(slice bytes, struct arena *arena, struct consumer_protocol_subscription *subscription)
{
    return read_message(&consumer_protocol_subscription_type, bytes, arena, subscription);
}

int embedded_read_assignment(slice bytes, struct arena *arena, struct consumer_protocol_assignment *assignment)
{
    *assignment = (struct consumer_protocol_assignment){.user_data = NULL_SLICE};
    return bytes.size == 0 ? 0 : read_message(&consumer_protocol_assignment_type, bytes, arena, assignment);
}

/* ---- writing ---- */

static int list_topics(const struct claims *claims, const struct group_topics *topics, struct arena *arena,
                       struct consumer_protocol_assignment_topic_array *to)
{
    to->items = arena_alloc(arena, claims_topic_count(claims) * sizeof *to->items);
    int32_t *partitions = arena_alloc(arena, claims->count * sizeof *partitions);
    if (to->items == NULL || partitions == NULL)
        return -ENOMEM;
    for (uint32_t at = 0, run; at < claims->count; at += run) {
        struct group_topic topic;
        run = claims_run(claims, at);
        for (uint32_t i = at; i < at + run; i++)
            partitions[i] = claims->items[i].partition;
        if (topics->find_id(topics->context, claims->items[at].topic, &topic))
            to->items[to->count++] = (struct consumer_protocol_assignment_topic){
                .topic = topic.name, .partitions = {&partitions[at], (int32_t)run}};
    }
    return 0;
}

static int write_message(const struct message_type *type, int16_t version, const void *message, struct arena *arena,
                         slice *bytes)
{
    writer w;
    writer_init(&w, arena->memory, MEMORY_GROUPS, BYTES_MAX);
    int rc = kafka_encode_value(type, version, message, &w);
    if (rc == 0) {
        *bytes = arena_copy(arena, writer_slice(&w));
        rc = slice_is_null(*bytes) ? -ENOMEM : 0;
    }
    writer_close(&w);
    return rc;
}

int embedded_write_assignment(slice subscription, const struct claims *claims, const struct group_topics *topics,
                              struct arena *arena, slice *bytes)
{
    struct consumer_protocol_assignment assignment = {.user_data = NULL_SLICE};
    int rc = list_topics(claims, topics, arena, &assignment.assigned_partitions);
    if (rc != 0)
        return rc;
    reader r = reader_of(subscription);
    int16_t version = known_version(read_i16(&r));
    return write_message(&consumer_protocol_assignment_type, version < 0 ? 0 : version, &assignment, arena, bytes);
}

int embedded_write_subscription(const slice *topics, size_t count, struct arena *arena, slice *bytes)
{
    struct consumer_protocol_subscription subscription = CONSUMER_PROTOCOL_SUBSCRIPTION_DEFAULTS;
    subscription.topics.items = (slice *)(uintptr_t)topics;
    subscription.topics.count = (int32_t)count;
    return write_message(&consumer_protocol_subscription_type, NEWEST_VERSION, &subscription, arena, bytes);
}
