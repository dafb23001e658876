#include "check.h"
#include "random_group.h"

#include <errno.h>
#include <stdlib.h>

/* ---- by hand ---- */

static struct uuid id_of(uint8_t number)
{
    return (struct uuid){.bytes = {number}};
}

static const uint32_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7};

/* "t/p t/p" of member m. */
static const char *text_of(const struct assignment *assignment, uint32_t m)
{
    static char text[512];
    size_t end = 0;
    text[0] = '\0';
    for (uint32_t i = assignment->starts[m]; i < assignment->starts[m + 1]; i++)
        end += (size_t)snprintf(text + end, sizeof text - end, "%s%u/%d", i > assignment->starts[m] ? " " : "",
                                assignment->partitions[i].topic, assignment->partitions[i].partition);
    return text;
}

static void check_text(const struct assignment *assignment, uint32_t m, const char *expected)
{
    if (strcmp(text_of(assignment, m), expected) != 0)
        printf("member %u: %s, not %s\n", m, text_of(assignment, m), expected);
    CHECK(strcmp(text_of(assignment, m), expected) == 0);
}

static void an_assignor_has_a_name(void)
{
    enum assignor found = ASSIGNOR_UNIFORM;
    CHECK(assignor_find(slice_of_text("range"), &found) && found == ASSIGNOR_RANGE);
    CHECK(assignor_find(slice_of_text("uniform"), &found) && found == ASSIGNOR_UNIFORM);
    CHECK(!assignor_find(slice_of_text("Range"), &found) && !assignor_find(slice_of_text(""), &found));
    CHECK(strcmp(assignor_name(ASSIGNOR_RANGE), "range") == 0);
}

static void range_gives_consecutive_partitions_in_the_order_of_members(void)
{
    struct memory memory;
    struct assignment assignment;
    memory_init(&memory);
    struct assignor_topic topics[] = {{id_of(1), 3}, {id_of(2), 3}, {id_of(3), 1}};
    struct assignor_member members[] = {
        {.id = slice_of_text("c"), .topics = numbers, .topic_count = 3},
        {.id = slice_of_text("b"), .topics = numbers, .topic_count = 2},
        {.id = slice_of_text("x"), .instance_id = slice_of_text("z"), .topics = numbers, .topic_count = 2}};
    struct assignor_group group = {.topics = topics, .topic_count = 3, .members = members, .member_count = 2};
    REQUIRE(assignor_assign(ASSIGNOR_RANGE, &group, &memory, &assignment) == 0);
    check_text(&assignment, 1, "0/0 0/1 1/0 1/1");
    check_text(&assignment, 0, "0/2 1/2 2/0");
    assignment_close(&assignment);

    group.member_count = 3; /* the static one comes first */
    REQUIRE(assignor_assign(ASSIGNOR_RANGE, &group, &memory, &assignment) == 0);
    check_text(&assignment, 2, "0/0 1/0");
    check_text(&assignment, 1, "0/1 1/1");
    check_text(&assignment, 0, "0/2 1/2 2/0");
    assignment_close(&assignment);
    CHECK(memory_total_bytes(&memory) == 0);
}

static void uniform_spreads_a_topic_over_the_members(void)
{
    struct memory memory;
    struct assignment assignment;
    memory_init(&memory);
    struct assignor_topic topics[] = {{id_of(1), 2}, {id_of(2), 2}};
    struct assignor_member members[] = {{.id = slice_of_text("a"), .topics = numbers, .topic_count = 2},
                                        {.id = slice_of_text("b"), .topics = numbers, .topic_count = 2}};
    struct assignor_group group = {.topics = topics, .topic_count = 2, .members = members, .member_count = 1};
    REQUIRE(assignor_assign(ASSIGNOR_UNIFORM, &group, &memory, &assignment) == 0);
    check_text(&assignment, 0, "0/0 0/1 1/0 1/1");
    assignment_close(&assignment);

    /* And so when one has to give up half of what it has. */
    int32_t all[] = {0, 1};
    struct owned_topic owned[] = {{id_of(1), all, 2}, {id_of(2), all, 2}};
    members[0].owned = owned;
    members[0].owned_count = 2;
    group.member_count = 2;
    REQUIRE(assignor_assign(ASSIGNOR_UNIFORM, &group, &memory, &assignment) == 0);
    check_text(&assignment, 0, "0/0 1/0");
    check_text(&assignment, 1, "0/1 1/1");
    assignment_close(&assignment);
}

static void what_is_gone_or_claimed_twice_is_passed_over(void)
{
    struct memory memory;
    struct assignment assignment;
    memory_init(&memory);
    struct assignor_topic topics[] = {{id_of(1), 2}, {id_of(2), 2}};
    int32_t some[] = {1, 7, -1, INT32_MAX};
    struct owned_topic owned[] = {{id_of(1), some, 4}, {id_of(9), some, 1}, {id_of(2), some, 1}};
    struct assignor_member members[] = {
        {.id = slice_of_text("a"), .topics = numbers, .topic_count = 1, .owned = owned, .owned_count = 3},
        {.id = slice_of_text("b"), .topics = numbers, .topic_count = 1, .owned = owned, .owned_count = 3}};
    struct assignor_group group = {.topics = topics, .topic_count = 2, .members = members, .member_count = 2};
    REQUIRE(assignor_assign(ASSIGNOR_UNIFORM, &group, &memory, &assignment) == 0);
    check_text(&assignment, 0, "0/1");
    check_text(&assignment, 1, "0/0");
    assignment_close(&assignment);
    CHECK(memory_total_bytes(&memory) == 0);
}

static void nothing_is_assigned_where_there_is_nothing(void)
{
    struct memory memory;
    struct assignment assignment;
    memory_init(&memory);
    struct assignor_member member = {.id = slice_of_text("a")};
    struct assignor_group group = {.member_count = 0};
    for (enum assignor which = ASSIGNOR_UNIFORM; which <= ASSIGNOR_RANGE; which++) {
        REQUIRE(assignor_assign(which, &group, &memory, &assignment) == 0);
        CHECK(assignment.member_count == 0 && assignment.partition_count == 0);
        assignment_close(&assignment);
    }
    group = (struct assignor_group){.members = &member, .member_count = 1};
    for (enum assignor which = ASSIGNOR_UNIFORM; which <= ASSIGNOR_RANGE; which++) {
        REQUIRE(assignor_assign(which, &group, &memory, &assignment) == 0);
        check_text(&assignment, 0, "");
        assignment_close(&assignment);
    }
    struct assignor_topic topics[] = {{id_of(1), INT32_MAX}, {id_of(2), 1}};
    group = (struct assignor_group){.topics = topics, .topic_count = 2};
    CHECK(assignor_assign(ASSIGNOR_UNIFORM, &group, &memory, &assignment) == FURROW_TOO_LARGE);
    CHECK(memory_total_bytes(&memory) == 0);
}

/* ---- at random ---- */

static uint32_t load_of(const struct assignment *assignment, uint32_t m)
{
    return assignment->starts[m + 1] - assignment->starts[m];
}

static bool subscribes(const struct assignor_member *member, uint32_t topic)
{
    for (uint32_t i = 0; i < member->topic_count; i++) {
        if (member->topics[i] == topic)
            return true;
    }
    return false;
}

static bool owned_before(const struct random_group *g, uint32_t m, const struct assigned_partition *partition)
{
    return g->owner[g->topic_numbers[partition->topic]][partition->partition] == (int)g->member_numbers[m];
}

/* Every partition has one owner, and that one subscribes to it; in order. */
static void check_complete(const struct random_group *g, const struct assignment *assignment)
{
    int owners[RANDOM_TOPICS][RANDOM_PARTITIONS] = {{0}};
    for (uint32_t m = 0; m < assignment->member_count; m++) {
        for (uint32_t i = assignment->starts[m]; i < assignment->starts[m + 1]; i++) {
            const struct assigned_partition *given = &assignment->partitions[i], *before = given - 1;
            owners[given->topic][given->partition]++;
            CHECK(subscribes(&g->members[m], given->topic));
            CHECK(i == assignment->starts[m] || before->topic < given->topic ||
                  (before->topic == given->topic && before->partition < given->partition));
        }
    }
    for (uint32_t t = 0; t < g->group.topic_count; t++) {
        for (int32_t p = 0; p < g->topics[t].partition_count; p++)
            CHECK_EQUAL(owners[t][p], 1);
    }
}

static uint32_t count_kept(const struct random_group *g, const struct assignment *assignment, uint32_t m)
{
    uint32_t kept = 0;
    for (uint32_t i = assignment->starts[m]; i < assignment->starts[m + 1]; i++)
        kept += owned_before(g, m, &assignment->partitions[i]);
    return kept;
}

/* Of members of one subscription: what the quotas permit to be kept, is. */
static void check_alike(const struct random_group *g, const struct assignment *assignment)
{
    uint32_t members = assignment->member_count, total = assignment->partition_count;
    uint32_t least = total / members, one_more = total % members, expected = 0, kept = 0;
    for (uint32_t m = 0; m < members; m++) {
        uint32_t owned = 0;
        for (uint32_t i = 0; i < total; i++)
            owned += owned_before(g, m, &assignment->partitions[i]);
        expected += owned < least ? owned : least;
        if (owned > least && one_more > 0) {
            expected++;
            one_more--;
        }
        kept += count_kept(g, assignment, m);
        CHECK(load_of(assignment, m) - least <= 1);
    }
    CHECK_EQUAL(kept, expected);
}

static void each_seed(uint64_t seeds, bool is_alike,
                      void (*check)(const struct random_group *, const struct assignment *))
{
    struct random_group g;
    struct memory memory;
    struct assignment assignment, again;
    memory_init(&memory);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct seeded_random random = {.state = seed};
        random_group_make(&g, &random, RANDOM_TOPICS, RANDOM_PARTITIONS, RANDOM_MEMBERS, is_alike);
        for (int round = 0; round < 6; round++) {
            REQUIRE(assignor_assign(ASSIGNOR_RANGE, &g.group, &memory, &assignment) == 0);
            check_complete(&g, &assignment);
            assignment_close(&assignment);
            REQUIRE(assignor_assign(ASSIGNOR_UNIFORM, &g.group, &memory, &assignment) == 0);
            check_complete(&g, &assignment);
            check(&g, &assignment);
            random_group_remember(&g, &assignment);
            /* Nothing has changed: nothing changes. */
            REQUIRE(assignor_assign(ASSIGNOR_UNIFORM, &g.group, &memory, &again) == 0);
            CHECK(memcmp(again.partitions, assignment.partitions,
                         assignment.partition_count * sizeof *assignment.partitions) == 0);
            CHECK(memcmp(again.starts, assignment.starts, (assignment.member_count + 1) * sizeof *again.starts) == 0);
            assignment_close(&assignment);
            assignment_close(&again);
            random_group_change(&g, is_alike);
        }
    }
    CHECK(memory_total_bytes(&memory) == 0);
}

static void of_one_subscription_it_is_even_and_keeps_all_that_it_can(void)
{
    each_seed(300, true, check_alike);
}

/* No chain of gifts leads from somebody to one who has two less: by transitive closure. */
static void check_even(const struct random_group *g, const struct assignment *assignment)
{
    bool may_give[RANDOM_MEMBERS][RANDOM_MEMBERS] = {{false}};
    uint32_t members = assignment->member_count;
    for (uint32_t m = 0; m < members; m++) {
        for (uint32_t i = assignment->starts[m]; i < assignment->starts[m + 1]; i++) {
            for (uint32_t to = 0; to < members; to++)
                may_give[m][to] |= subscribes(&g->members[to], assignment->partitions[i].topic);
        }
    }
    for (uint32_t by = 0; by < members; by++) {
        for (uint32_t from = 0; from < members; from++) {
            for (uint32_t to = 0; to < members; to++)
                may_give[from][to] |= may_give[from][by] && may_give[by][to];
        }
    }
    for (uint32_t from = 0; from < members; from++) {
        for (uint32_t to = 0; to < members; to++)
            CHECK(!may_give[from][to] || load_of(assignment, from) <= load_of(assignment, to) + 1);
    }
}

static void of_many_subscriptions_no_chain_of_gifts_makes_it_more_even(void)
{
    each_seed(300, false, check_even);
}

/* The least sum of squares of loads that any assignment of the partitions from `next` on reaches. */
static uint32_t least_unevenness(const struct assignor_group *group, uint32_t topic, int32_t partition, uint32_t *load)
{
    if (topic == group->topic_count) {
        uint32_t sum = 0;
        for (uint32_t m = 0; m < group->member_count; m++)
            sum += load[m] * load[m];
        return sum;
    }
    if (partition == group->topics[topic].partition_count)
        return least_unevenness(group, topic + 1, 0, load);
    uint32_t best = UINT32_MAX;
    for (uint32_t m = 0; m < group->member_count; m++) {
        if (!subscribes(&group->members[m], topic))
            continue;
        load[m]++;
        uint32_t found = least_unevenness(group, topic, partition + 1, load);
        load[m]--;
        best = found < best ? found : best;
    }
    return best;
}

static void a_small_group_is_as_even_as_any_assignment(void)
{
    struct random_group g;
    struct memory memory;
    struct assignment assignment;
    memory_init(&memory);
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct seeded_random random = {.state = seed};
        uint32_t load[RANDOM_MEMBERS] = {0}, sum = 0;
        random_group_make(&g, &random, 4, 3, 4, false);
        REQUIRE(assignor_assign(ASSIGNOR_UNIFORM, &g.group, &memory, &assignment) == 0);
        for (uint32_t m = 0; m < assignment.member_count; m++)
            sum += load_of(&assignment, m) * load_of(&assignment, m);
        CHECK_EQUAL(sum, least_unevenness(&g.group, 0, 0, load));
        assignment_close(&assignment);
    }
}

/* ---- bounds ---- */

static void without_memory_it_fails_and_leaks_nothing(void)
{
    struct random_group g;
    struct memory memory;
    struct assignment assignment;
    memory_init(&memory);
    struct seeded_random random = {.state = 3};
    for (int alike = 0; alike < 2; alike++) {
        random_group_make(&g, &random, RANDOM_TOPICS, RANDOM_PARTITIONS, RANDOM_MEMBERS, alike == 1);
        for (enum assignor which = ASSIGNOR_UNIFORM; which <= ASSIGNOR_RANGE; which++) {
            int64_t nth = 0;
            for (;; nth++) {
                memory_fail_at(&memory, nth);
                int rc = assignor_assign(which, &g.group, &memory, &assignment);
                if (memory_fail_pending(&memory)) {
                    REQUIRE(rc == 0);
                    break;
                }
                CHECK_EQUAL(rc, -ENOMEM);
                CHECK(memory_total_bytes(&memory) == 0);
            }
            memory_fail_at(&memory, -1);
            CHECK(nth >= 5);
            assignment_close(&assignment);
        }
    }
    CHECK(memory_total_bytes(&memory) == 0);
}

/* Half of the members come at once, and every member leaves out another topic: evening out is given up in time. */
static void a_large_group_is_assigned_within_bounds(void)
{
    enum { MEMBERS = 1000, TOPICS = 1000, PARTITIONS = 20 };
    struct memory memory;
    struct assignment assignment;
    memory_init(&memory);
    struct assignor_topic *topics = calloc(TOPICS, sizeof *topics);
    struct assignor_member *members = calloc(MEMBERS, sizeof *members);
    struct owned_topic *owned = calloc(TOPICS, sizeof *owned);
    uint32_t *subscribed = calloc((size_t)MEMBERS * TOPICS, sizeof *subscribed);
    int32_t partitions[PARTITIONS];
    REQUIRE(topics != NULL && members != NULL && owned != NULL && subscribed != NULL);
    for (int32_t p = 0; p < PARTITIONS; p++)
        partitions[p] = p;
    for (uint32_t t = 0; t < TOPICS; t++) {
        topics[t] = (struct assignor_topic){{{(uint8_t)(t >> 8), (uint8_t)t}}, PARTITIONS};
        owned[t] = (struct owned_topic){topics[t].id, partitions, PARTITIONS};
    }
    for (uint32_t m = 0; m < MEMBERS; m++) {
        struct assignor_member *member = &members[m];
        member->topics = subscribed + (size_t)m * TOPICS;
        for (uint32_t t = 0; t < TOPICS; t++) {
            if (t != m)
                subscribed[(size_t)m * TOPICS + member->topic_count++] = t;
        }
        if (m % 2 == 0) {
            member->owned = &owned[m];
            member->owned_count = 2; /* one of them is not subscribed to */
        }
    }
    struct assignor_group group = {topics, TOPICS, members, MEMBERS};
    REQUIRE(assignor_assign(ASSIGNOR_UNIFORM, &group, &memory, &assignment) == 0);
    CHECK_EQUAL(assignment.partition_count, TOPICS * PARTITIONS);
    /* what is linear, and one search beyond the bound */
    CHECK(assignment.steps < ASSIGNOR_STEPS_MAX + MEMBERS + TOPICS + TOPICS * PARTITIONS +
                                 2 * (MEMBERS + TOPICS + MEMBERS * TOPICS + TOPICS * PARTITIONS));
    for (uint32_t m = 0; m < MEMBERS; m++)
        CHECK(assignment.starts[m + 1] - assignment.starts[m] == TOPICS * PARTITIONS / MEMBERS);
    CHECK(memory.counts[MEMORY_GROUPS].peak_bytes <
          (size_t)16 * TOPICS * PARTITIONS + 28 * MEMBERS + 24 * TOPICS + 4 * MEMBERS * TOPICS);
    assignment_close(&assignment);
    free(subscribed);
    free(owned);
    free(members);
    free(topics);
    CHECK(memory_total_bytes(&memory) == 0);
}

static uint32_t spread_of(const struct assignment *assignment)
{
    uint32_t least = UINT32_MAX, most = 0;
    for (uint32_t m = 0; m < assignment->member_count; m++) {
        uint32_t count = assignment->starts[m + 1] - assignment->starts[m];
        least = count < least ? count : least;
        most = count > most ? count : most;
    }
    return most - least;
}

/* Member m subscribes to topics m and m + 1, and every other member owns all that it may: many must hand on. */
static void what_is_not_finished_in_its_steps_the_next_assignments_finish(void)
{
    enum { MEMBERS = 600, TOPICS = MEMBERS + 1, PARTITIONS = 100 };
    struct memory memory;
    struct assignment assignment;
    static struct assignor_topic topics[TOPICS];
    static struct assignor_member members[MEMBERS];
    static uint32_t subscribed[MEMBERS][2];
    static struct owned_topic owned[MEMBERS][2];
    static int32_t partitions[MEMBERS][2][PARTITIONS];
    memory_init(&memory);
    for (uint32_t t = 0; t < TOPICS; t++)
        topics[t] = (struct assignor_topic){{{(uint8_t)(t >> 8), (uint8_t)t}}, PARTITIONS};
    for (uint32_t m = 0; m < MEMBERS; m++) {
        members[m] = (struct assignor_member){
            .topics = subscribed[m], .topic_count = 2, .owned = owned[m], .owned_count = m % 2 == 0 ? 2 : 0};
        for (uint32_t k = 0; k < 2; k++) {
            subscribed[m][k] = m + k;
            owned[m][k] = (struct owned_topic){topics[m + k].id, partitions[m][k], PARTITIONS};
            for (int32_t p = 0; p < PARTITIONS; p++)
                partitions[m][k][p] = p;
        }
    }
    struct assignor_group group = {topics, TOPICS, members, MEMBERS};
    bool is_cut = true;
    for (int round = 0; is_cut && round < 20; round++) {
        REQUIRE(assignor_assign(ASSIGNOR_UNIFORM, &group, &memory, &assignment) == 0);
        is_cut = assignment.is_cut;
        CHECK(is_cut || round > 0);
        CHECK(assignment.steps < 2 * ASSIGNOR_STEPS_MAX);
        for (uint32_t m = 0; m < MEMBERS; m++) {
            members[m].owned_count = 2;
            owned[m][0].partition_count = owned[m][1].partition_count = 0;
            for (uint32_t i = assignment.starts[m]; i < assignment.starts[m + 1]; i++) {
                uint32_t k = assignment.partitions[i].topic - m;
                partitions[m][k][owned[m][k].partition_count++] = assignment.partitions[i].partition;
            }
        }
        if (!is_cut)
            CHECK(spread_of(&assignment) <= 1);
        assignment_close(&assignment);
    }
    CHECK(!is_cut);
    CHECK(memory_total_bytes(&memory) == 0);
}

SUITE("assignor", CHECK_TEST(an_assignor_has_a_name),
      CHECK_TEST(range_gives_consecutive_partitions_in_the_order_of_members),
      CHECK_TEST(uniform_spreads_a_topic_over_the_members), CHECK_TEST(what_is_gone_or_claimed_twice_is_passed_over),
      CHECK_TEST(nothing_is_assigned_where_there_is_nothing),
      CHECK_TEST(of_one_subscription_it_is_even_and_keeps_all_that_it_can),
      CHECK_TEST(of_many_subscriptions_no_chain_of_gifts_makes_it_more_even),
      CHECK_TEST(a_small_group_is_as_even_as_any_assignment), CHECK_TEST(without_memory_it_fails_and_leaks_nothing),
      CHECK_TEST(a_large_group_is_assigned_within_bounds),
      CHECK_TEST(what_is_not_finished_in_its_steps_the_next_assignments_finish))
