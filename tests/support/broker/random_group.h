/* A consumer group of random members, subscriptions and topics, for the assignors: it changes, and remembers who was
 * assigned what. */
#pragma once

#include "group/assignor.h"
#include "seeded_random.h"

#define RANDOM_TOPICS     9
#define RANDOM_PARTITIONS 24
#define RANDOM_MEMBERS    14

struct random_group {
    struct seeded_random *random;
    /* All there could be; a topic without partitions and a member that is not there take no part. */
    struct uuid ids[RANDOM_TOPICS];
    int32_t partition_counts[RANDOM_TOPICS];
    bool is_member[RANDOM_MEMBERS];
    bool is_subscribed[RANDOM_MEMBERS][RANDOM_TOPICS];
    int owner[RANDOM_TOPICS][RANDOM_PARTITIONS]; /* -1: nobody */
    char member_ids[RANDOM_MEMBERS][16];
    char instance_ids[RANDOM_MEMBERS][16]; /* empty: dynamic */
    /* As the assignors want it */
    struct assignor_topic topics[RANDOM_TOPICS];
    struct assignor_member members[RANDOM_MEMBERS];
    uint32_t subscriptions[RANDOM_MEMBERS][RANDOM_TOPICS];
    struct owned_topic owned[RANDOM_MEMBERS][RANDOM_TOPICS];
    int32_t owned_partitions[RANDOM_TOPICS][RANDOM_PARTITIONS * 2];
    uint32_t topic_numbers[RANDOM_TOPICS]; /* of group.topics: where in ids */
    uint32_t member_numbers[RANDOM_MEMBERS];
    struct assignor_group group;
};

/* Up to so many topics, partitions of each, and members. With `is_alike`, all subscribe to the same. */
void random_group_make(struct random_group *group, struct seeded_random *random, uint32_t topics, uint32_t partitions,
                       uint32_t members, bool is_alike);
/* A few members come, go or subscribe otherwise; topics come, go and grow. */
void random_group_change(struct random_group *group, bool is_alike);
/* What was assigned is what they own from now on. */
void random_group_remember(struct random_group *group, const struct assignment *assignment);
