#include "classic_fixture.h"

#include <stdio.h>

static bool note_write(void *context, struct classic_group *group, uint64_t token)
{
    (void)group;
    struct classic_fixture *f = context;
    REQUIRE(f->writes < 64);
    f->written[f->writes++] = token;
    return true;
}

static void fill_random(void *context, void *to, size_t size)
{
    struct classic_fixture *f = context;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = (uint8_t)random_next(&f->random);
}

void classic_fixture_open(struct classic_fixture *f)
{
    *f = (struct classic_fixture){.limits = {.max_size = 100,
                                             .initial_delay_ms = 0,
                                             .min_session_timeout_ms = 6000,
                                             .max_session_timeout_ms = 1800000},
                                  .now = 1000};
    memory_init(&f->memory);
    group_answers_init(&f->answers);
    struct group_surroundings surroundings = {.memory = &f->memory,
                                              .limits = &f->limits,
                                              .answers = &f->answers,
                                              .write = note_write,
                                              .random = fill_random,
                                              .context = f};
    REQUIRE(classic_group_create(&surroundings, slice_of_text("g"), &f->group) == 0);
}

void classic_fixture_close_group(struct classic_fixture *f)
{
    classic_group_close(f->group, KAFKA_NOT_COORDINATOR);
    group_answers_give(&f->answers);
}

void classic_fixture_close(struct classic_fixture *f)
{
    CHECK(memory_total_bytes(&f->memory) == 0);
}

static void on_join(struct group_call *call)
{
    ((struct classic_client *)call->context)->joined++;
}

static void on_sync(struct group_call *call)
{
    ((struct classic_client *)call->context)->synced++;
}

void classic_client_open(struct classic_fixture *f, struct classic_client *c, const char *instance,
                         const char *metadata)
{
    *c = (struct classic_client){0};
    arena_init(&c->arena, &f->memory, MEMORY_REQUESTS, 0x100000);
    snprintf(c->instance, sizeof c->instance, "%s", instance);
    snprintf(c->metadata, sizeof c->metadata, "%s", metadata);
}

slice classic_client_instance(const struct classic_client *c)
{
    return c->instance[0] != '\0' ? slice_of_text(c->instance) : NULL_SLICE;
}

void classic_client_join_with(struct classic_fixture *f, struct classic_client *c,
                              const struct join_protocol *protocols, int32_t count, bool requires_id)
{
    c->join = (struct join_call){.call = {.done = on_join, .context = c, .arena = &c->arena},
                                 .member_id = slice_of_text(c->id),
                                 .instance_id = classic_client_instance(c),
                                 .client_id = slice_of_text("client"),
                                 .client_host = slice_of_text("/127.0.0.1"),
                                 .protocol_type = slice_of_text("consumer"),
                                 .protocols = protocols,
                                 .protocol_count = count,
                                 .session_timeout_ms = 10000,
                                 .rebalance_timeout_ms = 60000,
                                 .requires_member_id = requires_id,
                                 .may_skip_assignment = true};
    c->joined = 0;
    classic_group_join(f->group, &c->join, f->now);
    group_answers_give(&f->answers);
}

void classic_client_join_as(struct classic_fixture *f, struct classic_client *c, const char *first, const char *second,
                            bool requires_id)
{
    c->protocols[0] = (struct join_protocol){slice_of_text(first), slice_of_text(c->metadata)};
    c->protocols[1] = (struct join_protocol){slice_of_text(second), slice_of_text(c->metadata)};
    classic_client_join_with(f, c, c->protocols, second[0] != '\0' ? 2 : 1, requires_id);
}

void classic_client_keep_id(struct classic_client *c)
{
    snprintf(c->id, sizeof c->id, "%.*s", SLICE_PRINT(c->join.found_member_id));
}

void classic_client_join(struct classic_fixture *f, struct classic_client *c)
{
    classic_client_join_as(f, c, "range", "", false);
    if (c->joined)
        classic_client_keep_id(c);
}

void classic_client_sync(struct classic_fixture *f, struct classic_client *c,
                         const struct group_assignment *assignments, int32_t count)
{
    c->sync = (struct sync_call){.call = {.done = on_sync, .context = c, .arena = &c->arena},
                                 .member_id = slice_of_text(c->id),
                                 .instance_id = classic_client_instance(c),
                                 .generation = c->join.generation,
                                 .assignments = assignments,
                                 .assignment_count = count};
    c->synced = 0;
    classic_group_sync(f->group, &c->sync, f->now);
    group_answers_give(&f->answers);
}

void classic_fixture_answer(struct classic_fixture *f, enum kafka_error error)
{
    for (int i = 0; i < f->writes; i++)
        classic_group_written(f->group, f->written[i], error, f->now);
    f->writes = 0;
    group_answers_give(&f->answers);
}

void classic_fixture_wait_until(struct classic_fixture *f, int64_t now)
{
    f->now = now;
    if (classic_group_wake_at(f->group) <= now)
        classic_group_expire(f->group, now);
    group_answers_give(&f->answers);
}

enum kafka_error classic_client_heartbeat(struct classic_fixture *f, const struct classic_client *c)
{
    return classic_group_heartbeat(f->group, slice_of_text(c->id), classic_client_instance(c), c->join.generation,
                                   f->now);
}

void classic_fixture_settle_alone(struct classic_fixture *f, struct classic_client *c)
{
    classic_client_join(f, c);
    REQUIRE(c->joined == 1 && c->join.call.error == KAFKA_NONE);
    struct group_assignment mine = {slice_of_text(c->id), slice_of_text("all")};
    classic_client_sync(f, c, &mine, 1);
    classic_fixture_answer(f, KAFKA_NONE);
    REQUIRE(classic_group_state(f->group) == CLASSIC_STABLE);
}

void classic_fixture_settle_two(struct classic_fixture *f, struct classic_client *first, struct classic_client *second)
{
    classic_fixture_settle_alone(f, first);
    classic_client_join(f, second);
    REQUIRE(second->joined == 0);
    classic_client_join(f, first);
    REQUIRE(first->joined == 1 && second->joined == 1);
    classic_client_keep_id(second);
    struct group_assignment both[] = {{slice_of_text(first->id), slice_of_text("first")},
                                      {slice_of_text(second->id), slice_of_text("second")}};
    classic_client_sync(f, second, NULL, 0);
    classic_client_sync(f, first, both, 2);
    classic_fixture_answer(f, KAFKA_NONE);
    REQUIRE(first->synced == 1 && second->synced == 1);
    REQUIRE(classic_group_state(f->group) == CLASSIC_STABLE);
}
