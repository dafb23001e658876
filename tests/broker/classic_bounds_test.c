/* What hostile members cost. */
#include "classic_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds_since(clock_t start)
{
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static void ids_that_nobody_joins_with_drive_out_the_oldest(void)
{
    static char ids[3 * GROUP_PENDING_MAX][80];
    struct classic_fixture f;
    struct classic_client c;
    classic_fixture_open(&f);
    classic_client_open(&f, &c, "", "");
    size_t full = 0;
    for (int i = 0; i < 3 * GROUP_PENDING_MAX; i++) {
        c.id[0] = '\0';
        classic_client_join_as(&f, &c, "range", "", true);
        REQUIRE(c.joined == 1 && c.join.call.error == KAFKA_MEMBER_ID_REQUIRED);
        classic_client_keep_id(&c);
        memcpy(ids[i], c.id, sizeof c.id);
        if (i == GROUP_PENDING_MAX)
            full = atomic_load(&f.memory.counts[MEMORY_GROUPS].bytes);
        arena_reset(&c.arena);
    }
    CHECK(atomic_load(&f.memory.counts[MEMORY_GROUPS].bytes) <= full);
    const int gone = 2 * GROUP_PENDING_MAX - 1, there = 2 * GROUP_PENDING_MAX;
    memcpy(c.id, ids[gone], sizeof c.id);
    classic_client_join_as(&f, &c, "range", "", true);
    CHECK(c.joined == 1 && c.join.call.error == KAFKA_UNKNOWN_MEMBER_ID);
    memcpy(c.id, ids[there], sizeof c.id);
    classic_client_join_as(&f, &c, "range", "", true);
    CHECK(classic_group_member_count(f.group) == 1);
    classic_fixture_close_group(&f);
    arena_close(&c.arena);
    classic_fixture_close(&f);
}

enum { MEMBERS = 1000 };

/* They join while the group waits for more of them, and make one generation. */
static struct classic_client *gather(struct classic_fixture *f, int32_t count, const struct join_protocol *protocols,
                                     int32_t protocol_count)
{
    struct classic_client *clients = calloc((size_t)count, sizeof *clients);
    REQUIRE(clients != NULL);
    f->limits.max_size = count;
    f->limits.initial_delay_ms = 3000;
    for (int32_t i = 0; i < count; i++) {
        struct classic_client *c = &clients[i];
        classic_client_open(f, c, "", "");
        classic_client_join_with(f, c, &protocols[i * protocol_count], protocol_count, false);
    }
    for (int i = 0; i < 30 && !clients[0].joined; i++)
        classic_fixture_wait_until(f, f->now + 3000);
    for (int32_t i = 0; i < count; i++) {
        REQUIRE(clients[i].joined == 1 && clients[i].join.call.error == KAFKA_NONE);
        classic_client_keep_id(&clients[i]);
    }
    return clients;
}

static void disperse(struct classic_fixture *f, struct classic_client *clients, int32_t count)
{
    classic_fixture_close_group(f);
    for (int32_t i = 0; i < count; i++)
        arena_close(&clients[i].arena);
    free(clients);
    classic_fixture_close(f);
}

/* Looking through all of them for each member takes seconds. */
static void assignments_of_any_number_are_taken_in_little_time(void)
{
    enum { ASSIGNMENTS = 1500000 };
    static struct join_protocol protocols[MEMBERS];
    static struct group_assignment assignments[ASSIGNMENTS];
    struct classic_fixture f;
    classic_fixture_open(&f);
    for (int i = 0; i < MEMBERS; i++)
        protocols[i] = (struct join_protocol){slice_of_text("range"), slice_of_text("")};
    struct classic_client *clients = gather(&f, MEMBERS, protocols, 1);
    for (int i = 0; i < ASSIGNMENTS; i++)
        assignments[i] = (struct group_assignment){slice_of_text("client-ffffffff-ffff-ffff-ffff-ffffffffffff"),
                                                   slice_of_text("nobody's")};
    /* Of one that is named twice, the last holds; who is not named gets nothing. */
    for (int i = 1; i < MEMBERS; i++) {
        assignments[i] = (struct group_assignment){slice_of_text(clients[i].id), slice_of_text("first")};
        assignments[2 * MEMBERS - i] = (struct group_assignment){slice_of_text(clients[i].id), slice_of_text("last")};
    }
    clock_t start = clock();
    arena_close(&clients[0].arena);
    arena_init(&clients[0].arena, &f.memory, MEMORY_REQUESTS, (size_t)32 << 20);
    classic_client_sync(&f, &clients[0], assignments, ASSIGNMENTS);
    classic_fixture_answer(&f, KAFKA_NONE);
    CHECK(seconds_since(start) < 1.5);
    REQUIRE(clients[0].synced == 1 && clients[0].sync.call.error == KAFKA_NONE);
    CHECK(clients[0].sync.assignment.size == 0);
    for (int i = 1; i < MEMBERS; i++) {
        classic_client_sync(&f, &clients[i], NULL, 0);
        CHECK(clients[i].synced == 1 && slice_equal(clients[i].sync.assignment, slice_of_text("last")));
    }
    disperse(&f, clients, MEMBERS);
}

/* Asking all of everybody for each vote takes seconds. */
static void a_protocol_is_chosen_in_little_time(void)
{
    enum { SPEAKERS = 300 };
    static struct join_protocol protocols[SPEAKERS][GROUP_PROTOCOLS_MAX];
    static char names[SPEAKERS][GROUP_PROTOCOLS_MAX][16];
    struct classic_fixture f;
    classic_fixture_open(&f);
    for (int i = 0; i < SPEAKERS; i++) {
        for (int p = 0; p < GROUP_PROTOCOLS_MAX; p++) {
            if (p == GROUP_PROTOCOLS_MAX - 1)
                snprintf(names[i][p], sizeof names[i][p], "common");
            else
                snprintf(names[i][p], sizeof names[i][p], "%d-%d", i, p);
            protocols[i][p] = (struct join_protocol){slice_of_text(names[i][p]), slice_of_text("")};
        }
    }
    clock_t start = clock();
    struct classic_client *clients = gather(&f, SPEAKERS, protocols[0], GROUP_PROTOCOLS_MAX);
    CHECK(seconds_since(start) < 1.5);
    CHECK(slice_equal(classic_group_protocol(f.group), slice_of_text("common")));
    disperse(&f, clients, SPEAKERS);
}

SUITE("classic_bounds", CHECK_TEST(ids_that_nobody_joins_with_drive_out_the_oldest),
      CHECK_TEST(assignments_of_any_number_are_taken_in_little_time), CHECK_TEST(a_protocol_is_chosen_in_little_time))
