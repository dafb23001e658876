#include "random_group.h"

#include <stdio.h>

static void subscribe(struct random_group *g, uint32_t m)
{
    for (uint32_t t = 0; t < RANDOM_TOPICS; t++)
        g->is_subscribed[m][t] = random_chance(g->random, 45);
}

static void make_alike(struct random_group *g)
{
    for (uint32_t m = 1; m < RANDOM_MEMBERS; m++)
        memcpy(g->is_subscribed[m], g->is_subscribed[0], sizeof g->is_subscribed[m]);
}

static bool has_subscriber(const struct random_group *g, uint32_t t)
{
    for (uint32_t m = 0; m < RANDOM_MEMBERS; m++) {
        if (g->is_member[m] && g->is_subscribed[m][t])
            return true;
    }
    return false;
}

static uint32_t list_topics(struct random_group *g, uint32_t *places)
{
    uint32_t count = 0;
    for (uint32_t t = 0; t < RANDOM_TOPICS; t++) {
        places[t] = UINT32_MAX;
        if (g->partition_counts[t] == 0 || !has_subscriber(g, t))
            continue;
        places[t] = count;
        g->topic_numbers[count] = t;
        g->topics[count++] = (struct assignor_topic){.id = g->ids[t], .partition_count = g->partition_counts[t]};
    }
    return count;
}

/* `ends` of topics: how much of owned_partitions is in use. */
static uint32_t list_owned(struct random_group *g, uint32_t m, uint32_t *ends)
{
    uint32_t count = 0;
    for (uint32_t t = RANDOM_TOPICS; t-- > 0;) {
        struct owned_topic *owned = &g->owned[m][count];
        *owned = (struct owned_topic){.id = g->ids[t], .partitions = g->owned_partitions[t] + ends[t]};
        for (int32_t p = 0; p < RANDOM_PARTITIONS; p++) {
            if (g->owner[t][p] != (int)m)
                continue;
            g->owned_partitions[t][ends[t]++] = p;
            owned->partition_count++;
        }
        count += owned->partition_count > 0;
    }
    return count;
}

static void list_all(struct random_group *g)
{
    uint32_t places[RANDOM_TOPICS], ends[RANDOM_TOPICS] = {0}, count = 0;
    uint32_t topics = list_topics(g, places);
    for (uint32_t m = 0; m < RANDOM_MEMBERS; m++) {
        if (!g->is_member[m])
            continue;
        struct assignor_member *member = &g->members[count];
        g->member_numbers[count++] = m;
        *member = (struct assignor_member){.id = slice_of_text(g->member_ids[m]), .topics = g->subscriptions[m]};
        if (g->instance_ids[m][0] != '\0')
            member->instance_id = slice_of_text(g->instance_ids[m]);
        for (uint32_t t = 0; t < RANDOM_TOPICS; t++) {
            if (g->is_subscribed[m][t] && places[t] != UINT32_MAX)
                g->subscriptions[m][member->topic_count++] = places[t];
        }
        member->owned = g->owned[m];
        member->owned_count = list_owned(g, m, ends);
    }
    g->group = (struct assignor_group){
        .topics = g->topics, .topic_count = topics, .members = g->members, .member_count = count};
}

static void name_member(struct random_group *g, uint32_t m)
{
    snprintf(g->member_ids[m], sizeof g->member_ids[m], "%08x", (unsigned)random_below(g->random, UINT32_MAX));
    g->instance_ids[m][0] = '\0';
    if (random_chance(g->random, 30))
        snprintf(g->instance_ids[m], sizeof g->instance_ids[m], "i%03u-%u", (unsigned)random_below(g->random, 1000), m);
}

void random_group_make(struct random_group *g, struct seeded_random *random, uint32_t topics, uint32_t partitions,
                       uint32_t members, bool is_alike)
{
    *g = (struct random_group){.random = random};
    for (uint32_t t = 0; t < RANDOM_TOPICS; t++) {
        for (uint32_t i = 0; i < sizeof g->ids[t].bytes; i++)
            g->ids[t].bytes[i] = (uint8_t)random_next(random);
        g->ids[t].bytes[0] = (uint8_t)(t * 28);
        if (t < topics)
            g->partition_counts[t] = (int32_t)random_below(random, partitions + 1);
        for (uint32_t p = 0; p < RANDOM_PARTITIONS; p++)
            g->owner[t][p] = -1;
    }
    for (uint32_t m = 0; m < RANDOM_MEMBERS; m++) {
        name_member(g, m);
        subscribe(g, m);
        g->is_member[m] = m == 0 || (m < members && random_chance(random, 70));
    }
    if (is_alike)
        make_alike(g);
    list_all(g);
}

static void change_once(struct random_group *g)
{
    uint32_t m = (uint32_t)random_below(g->random, RANDOM_MEMBERS),
             t = (uint32_t)random_below(g->random, RANDOM_TOPICS);
    switch (random_below(g->random, 6)) {
    case 0:
    case 1:
        g->is_member[m] = m == 0 || !g->is_member[m];
        if (!g->is_member[m])
            name_member(g, m);
        break;
    case 2:
        subscribe(g, m);
        break;
    case 3:
        g->partition_counts[t] = 0;
        break;
    default:
        g->partition_counts[t] +=
            (int32_t)random_below(g->random, (uint64_t)(RANDOM_PARTITIONS - g->partition_counts[t] + 1));
    }
}

void random_group_change(struct random_group *g, bool is_alike)
{
    for (uint64_t i = random_below(g->random, 5); i > 0; i--)
        change_once(g);
    if (is_alike)
        make_alike(g);
    for (uint32_t t = 0; t < RANDOM_TOPICS; t++) {
        for (uint32_t p = 0; p < RANDOM_PARTITIONS; p++) {
            if (g->owner[t][p] >= 0 && !g->is_member[g->owner[t][p]])
                g->owner[t][p] = -1;
        }
    }
    list_all(g);
}

void random_group_remember(struct random_group *g, const struct assignment *assignment)
{
    for (uint32_t t = 0; t < RANDOM_TOPICS; t++) {
        for (uint32_t p = 0; p < RANDOM_PARTITIONS; p++)
            g->owner[t][p] = -1;
    }
    for (uint32_t m = 0; m < assignment->member_count; m++) {
        for (uint32_t i = assignment->starts[m]; i < assignment->starts[m + 1]; i++) {
            const struct assigned_partition *given = &assignment->partitions[i];
            g->owner[g->topic_numbers[given->topic]][given->partition] = (int)g->member_numbers[m];
        }
    }
    list_all(g);
}
