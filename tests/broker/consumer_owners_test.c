#include "consumer_client.h"

#include <stdio.h>

#define MEMBERS_MAX    5
#define PARTITIONS_MAX 8

/* ---- any order of things ---- */

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

struct world {
    struct group_fixture f;
    struct consumer_client clients[MEMBERS_MAX];
    uint64_t random;
};

/* What a client holds it may read: no two may hold the same. (No session ends here: such a client would not know.) */
static void check_owners(struct world *w)
{
    for (int i = 0; i < MEMBERS_MAX; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < w->clients[j].held_count; k++)
                CHECK(!consumer_client_holds(&w->clients[i], w->clients[j].held[k].topic,
                                             w->clients[j].held[k].partition));
        }
    }
}

static void act(struct world *w)
{
    struct consumer_client *c = &w->clients[next_random(&w->random) % MEMBERS_MAX];
    static const char *const names[] = {"t", "u", "v"};
    uint32_t what = next_random(&w->random) % 20;
    if (what < 12 && !c->is_beating) {
        consumer_client_begin_beat(c);
    } else if (what == 12 && !c->is_beating) {
        c->name_count = 1 + (int)(next_random(&w->random) % 2);
        for (int i = 0; i < c->name_count; i++)
            c->names[i] = slice_of_text(names[next_random(&w->random) % 3]);
        c->says_all = true;
    } else if (what == 13 && !c->is_beating && c->epoch > 0) {
        consumer_client_send(c, -1);
        c->held_count = 0;
    } else if (what == 14) {
        uint32_t which = next_random(&w->random) % 3;
        struct group_topic found;
        int32_t count = 1 + (int32_t)(next_random(&w->random) % PARTITIONS_MAX);
        for (int i = 0; i < w->f.topic_count; i++) {
            found = w->f.topics[i];
            if (slice_equal(found.name, slice_of_text(names[which])) && found.partition_count > count)
                count = found.partition_count;
        }
        group_fixture_set_topic(&w->f, names[which], (uint8_t)(which + 1), count);
    } else if (what == 15) {
        c->regex = c->regex == NULL ? "[tu]" : "";
        c->says_all = true;
    } else if (w->f.waiting_count > 0) {
        group_fixture_answer_one(&w->f, what == 19 ? KAFKA_KAFKA_STORAGE_ERROR : KAFKA_NONE);
    }
    if (c->epoch < 0)
        c->epoch = 0;
}

static void drain(struct world *w)
{
    while (w->f.waiting_count > 0)
        group_fixture_answer_one(&w->f, KAFKA_NONE);
}

/* Everybody's heartbeats, until nobody is on the way; each partition is somebody's then. */
static void converge(struct world *w)
{
    for (int round = 0; round < 12; round++) {
        w->f.now.steady += CONSUMER_REGEX_REFRESH_MS;
        for (int i = 0; i < MEMBERS_MAX; i++) {
            if (!w->clients[i].is_beating)
                consumer_client_begin_beat(&w->clients[i]);
            drain(w);
            if (w->clients[i].epoch < 0)
                w->clients[i].epoch = 0;
        }
        check_owners(w);
    }
    CHECK(consumer_client_group_is(&w->f, "Stable"));
}

static void check_complete(const struct world *w)
{
    for (int t = 0; t < w->f.topic_count; t++) {
        bool is_wanted = false;
        for (int i = 0; i < MEMBERS_MAX; i++) {
            const struct consumer_client *c = &w->clients[i];
            for (int n = 0; n < c->name_count; n++)
                is_wanted = is_wanted || slice_equal(c->names[n], w->f.topics[t].name);
            is_wanted = is_wanted || (c->regex != NULL && c->regex[0] != '\0' && w->f.topics[t].name.data[0] != 'v');
        }
        for (int32_t p = 0; is_wanted && p < w->f.topics[t].partition_count; p++) {
            int owners = 0;
            for (int i = 0; i < MEMBERS_MAX; i++)
                owners += consumer_client_holds(&w->clients[i], w->f.topics[t].id.bytes[0], p);
            CHECK(owners == 1);
        }
    }
}

static void run_world(uint64_t seed)
{
    static struct world world;
    struct world *w = &world;
    group_fixture_open(&w->f);
    w->random = seed;
    group_fixture_set_topic(&w->f, "t", 1, 5);
    for (int i = 0; i < MEMBERS_MAX; i++) {
        char id[8];
        snprintf(id, sizeof id, "m%d", i);
        consumer_client_open(&w->clients[i], &w->f, id);
    }
    for (int step = 0; step < 300; step++) {
        act(w);
        check_owners(w);
        if (w->f.waiting_count >= APPENDS_MAX - 2)
            drain(w);
        if (step % 100 == 99) { /* the power goes, and with it what was on its way */
            while (w->f.waiting_count > 0)
                group_fixture_answer_one(&w->f, w->f.waiting_count > 2 ? KAFKA_NONE : KAFKA_KAFKA_STORAGE_ERROR);
            group_fixture_restart(&w->f);
            check_owners(w);
        }
    }
    drain(w);
    converge(w);
    check_complete(w);
    for (int i = 0; i < MEMBERS_MAX; i++)
        consumer_client_close(&w->clients[i]);
    group_fixture_close(&w->f);
}

static void each_partition_has_one_owner_and_everything_converges(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        run_world(seed);
}

SUITE("consumer_owners", CHECK_TEST(each_partition_has_one_owner_and_everything_converges))
