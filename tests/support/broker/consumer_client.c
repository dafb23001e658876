#include "consumer_client.h"

#include <stdio.h>

void consumer_client_open(struct consumer_client *c, struct group_fixture *f, const char *id)
{
    *c = (struct consumer_client){.f = f, .says_all = true, .names = {slice_of_text("t")}, .name_count = 1};
    snprintf(c->id, sizeof c->id, "%s", id);
    arena_init(&c->arena, &f->memory, MEMORY_REQUESTS, 1 << 20);
    arena_init(&c->asking, &f->log_memory, MEMORY_REQUESTS, 1 << 20);
}

void consumer_client_close(struct consumer_client *c)
{
    arena_close(&c->arena);
    arena_close(&c->asking);
}

bool consumer_client_holds(const struct consumer_client *c, uint8_t topic, int32_t partition)
{
    for (int i = 0; i < c->held_count; i++) {
        if (c->held[i].topic == topic && c->held[i].partition == partition)
            return true;
    }
    return false;
}

static void take_assignment(struct consumer_client *c,
                            const struct consumer_group_heartbeat_response_assignment *assignment)
{
    c->held_count = 0;
    for (int32_t i = 0; i < assignment->topic_partitions.count; i++) {
        const struct consumer_group_heartbeat_response_topic *topic = &assignment->topic_partitions.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            REQUIRE(c->held_count < CONSUMER_CLIENT_HELD_MAX);
            c->held[c->held_count++] =
                (struct consumer_client_held){topic->topic_id.bytes[0], topic->partitions.items[j]};
        }
    }
    c->says_all = true; /* what it has given up is told with the next */
}

/* As the protocol wants it: a fenced member drops everything at once and joins again. */
static void on_answer(struct group_call *call)
{
    struct consumer_client *c = call->context;
    const struct consumer_group_heartbeat_response *response = &c->call.response;
    c->is_beating = false;
    c->f->answers++;
    c->error = call->error;
    if (call->error == KAFKA_FENCED_MEMBER_EPOCH || call->error == KAFKA_UNKNOWN_MEMBER_ID ||
        call->error == KAFKA_GROUP_ID_NOT_FOUND) {
        c->epoch = 0;
        c->held_count = 0;
        c->says_all = true;
    }
    if (call->error != KAFKA_NONE) {
        c->says_all = true;
        return;
    }
    c->epoch = response->member_epoch;
    if (response->assignment != NULL)
        take_assignment(c, response->assignment);
}

static void list_held(struct consumer_client *c)
{
    struct consumer_group_heartbeat_request_topic *topics =
        arena_alloc(&c->asking, CONSUMER_CLIENT_HELD_MAX * sizeof *topics);
    REQUIRE(topics != NULL);
    c->asked.topic_partitions.items = topics;
    c->asked.topic_partitions.count = 0;
    for (int i = 0; i < c->held_count; i++) {
        int32_t *partition = arena_alloc(&c->asking, sizeof *partition);
        REQUIRE(partition != NULL);
        *partition = c->held[i].partition;
        topics[c->asked.topic_partitions.count++] = (struct consumer_group_heartbeat_request_topic){
            .topic_id = {{c->held[i].topic, 1}}, .partitions = {partition, 1}};
    }
}

void consumer_client_send(struct consumer_client *c, int32_t epoch)
{
    arena_reset(&c->arena);
    arena_reset(&c->asking);
    c->asked = (struct consumer_group_heartbeat_request)CONSUMER_GROUP_HEARTBEAT_REQUEST_DEFAULTS;
    c->asked.group_id = slice_of_text("g");
    c->asked.member_id = slice_of_text(c->id);
    c->asked.member_epoch = epoch;
    c->asked.instance_id = c->instance != NULL ? slice_of_text(c->instance) : NULL_SLICE;
    if (epoch == 0)
        c->held_count = 0;
    if (c->says_all || epoch == 0) {
        c->asked.rebalance_timeout_ms = 60000;
        c->asked.subscribed_topic_names.items = c->names;
        c->asked.subscribed_topic_names.count = c->name_count;
        c->asked.subscribed_topic_regex = c->regex != NULL ? slice_of_text(c->regex) : NULL_SLICE;
        c->asked.server_assignor = c->assignor != NULL ? slice_of_text(c->assignor) : NULL_SLICE;
        list_held(c);
    }
    c->says_all = false;
    c->is_beating = true;
    c->call = (struct consumer_call){.call = {.done = on_answer, .context = c, .arena = &c->arena},
                                     .asked = &c->asked,
                                     .version = 1,
                                     .client_id = slice_of_text("client"),
                                     .client_host = slice_of_text("/here")};
    group_coordinator_consumer_heartbeat(c->f->coordinator, &c->call, c->f->now);
}

void consumer_client_begin_beat(struct consumer_client *c)
{
    consumer_client_send(c, c->epoch);
}

enum kafka_error consumer_client_beat(struct consumer_client *c)
{
    consumer_client_begin_beat(c);
    group_fixture_answer(c->f, KAFKA_NONE);
    REQUIRE(!c->is_beating);
    return c->error;
}

void consumer_client_settle(struct consumer_client **clients, int count)
{
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < count; i++)
            CHECK(consumer_client_beat(clients[i]) == KAFKA_NONE);
    }
}

static const char *state_of(const struct group_fixture *f)
{
    const struct group *group = group_coordinator_find(f->coordinator, slice_of_text("g"));
    return group != NULL ? group_state_text(group) : "Dead";
}

bool consumer_client_group_is(const struct group_fixture *f, const char *state)
{
    return strcmp(state_of(f), state) == 0;
}

slice consumer_client_words(const struct consumer_client *c)
{
    return c->call.response.error_message;
}
