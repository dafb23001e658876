/* Uniform, where subscriptions differ.
 *
 * First, what has no owner goes to that subscriber of its topic who has least, scarce topics first. Then it is made
 * even: from the member that has least, a search goes backwards along "could get a partition from" until it finds one
 * with at least two more; along the way back everybody gives one partition to the next. When no such way is left, no
 * assignment is more even (an optimal semi-matching: Harvey, Ladner, Lovász, Tamir 2006). Who was searched through
 * without success can never give or get again, and is done.
 *
 * The shortest way moves the fewest partitions; what was not owned before is moved first. */

#include "group/assignor_private.h"

#include <errno.h>
#include <stdlib.h>

struct even_topic {
    uint32_t index;
    uint32_t partitions;
    uint32_t subscribers;
};

/* How the search came to a member: it could give `partition` to `taker`. */
struct way {
    uint32_t taker;
    uint32_t partition;
};

struct evening {
    struct assignor_plan *plan;
    uint32_t *first_subscriber; /* of topic t: index in subscribers; [topic_count] ends the last */
    uint32_t *subscribers;      /* members' indices, ascending within a topic; reordered as a heap */
    struct even_topic *order;   /* of topics */
    struct way *ways;           /* of members */
    uint32_t *queue;            /* of the search: members */
    uint8_t *is_done;           /* of members */
    uint8_t *is_seen;           /* of members, by the search that is under way */
    uint8_t *is_topic_seen;
    uint8_t *was_kept; /* of partitions: where it was before */
    uint64_t steps;
};

static const struct assignor_group *group_of(const struct evening *even)
{
    return even->plan->group;
}

static size_t subscription_count(const struct assignor_group *group)
{
    size_t count = 0;
    for (uint32_t m = 0; m < group->member_count; m++)
        count += group->members[m].topic_count;
    return count;
}

/* ---- what has no owner ---- */

static void list_subscribers(struct evening *even)
{
    const struct assignor_group *group = group_of(even);
    uint32_t *first = even->first_subscriber; /* zeros */
    for (uint32_t m = 0; m < group->member_count; m++) {
        for (uint32_t i = 0; i < group->members[m].topic_count; i++)
            first[group->members[m].topics[i] + 1]++;
    }
    for (uint32_t t = 0; t < group->topic_count; t++)
        first[t + 1] += first[t];
    /* first[t + 1] is made to be where t begins, and comes to be its end again while t is filled. */
    for (uint32_t t = group->topic_count; t > 0; t--)
        first[t] = first[t - 1];
    for (uint32_t m = 0; m < group->member_count; m++) {
        for (uint32_t i = 0; i < group->members[m].topic_count; i++)
            even->subscribers[first[group->members[m].topics[i] + 1]++] = m;
    }
}

/* Many partitions for each subscriber first, as Kafka has it; then few subscribers. */
static int compare_topics(const void *left, const void *right)
{
    const struct even_topic *a = left, *b = right;
    uint64_t of_a = (uint64_t)a->partitions * b->subscribers, of_b = (uint64_t)b->partitions * a->subscribers;
    if (of_a != of_b)
        return of_a > of_b ? -1 : 1;
    if (a->subscribers != b->subscribers)
        return a->subscribers < b->subscribers ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static bool has_less(const struct assignor_plan *plan, uint32_t a, uint32_t b)
{
    return plan->load[a] != plan->load[b] ? plan->load[a] < plan->load[b] : a < b;
}

/* Lets the member at `place` sink to where it belongs. */
static void heap_sink(const struct assignor_plan *plan, uint32_t *heap, uint32_t size, uint32_t place)
{
    for (;;) {
        uint32_t least = place, left = 2 * place + 1, right = left + 1;
        if (left < size && has_less(plan, heap[left], heap[least]))
            least = left;
        if (right < size && has_less(plan, heap[right], heap[least]))
            least = right;
        if (least == place)
            return;
        uint32_t member = heap[place];
        heap[place] = heap[least];
        heap[least] = member;
        place = least;
    }
}

static void give_free(struct evening *even, uint32_t topic)
{
    struct assignor_plan *plan = even->plan;
    uint32_t *heap = even->subscribers + even->first_subscriber[topic];
    uint32_t size = even->first_subscriber[topic + 1] - even->first_subscriber[topic];
    for (uint32_t i = size / 2; i-- > 0;)
        heap_sink(plan, heap, size, i);
    for (uint32_t p = plan->first[topic]; size > 0 && p < plan->first[topic + 1]; p++) {
        even->was_kept[p] = plan->owner[p] != NOBODY;
        if (even->was_kept[p])
            continue;
        plan_give(plan, p, heap[0]);
        heap_sink(plan, heap, size, 0);
    }
}

static void give_all_free(struct evening *even)
{
    uint32_t topics = group_of(even)->topic_count;
    for (uint32_t t = 0; t < topics; t++)
        even->order[t] = (struct even_topic){.index = t,
                                             .partitions = plan_partitions_of(even->plan, t),
                                             .subscribers = even->first_subscriber[t + 1] - even->first_subscriber[t]};
    qsort(even->order, topics, sizeof *even->order, compare_topics);
    for (uint32_t i = 0; i < topics; i++)
        give_free(even, even->order[i].index);
}

/* ---- making it even ---- */

/* Everybody who owns something of the topic could give it to `taker`. Members are put behind `*end` of the queue. */
static void see_owners(struct evening *even, uint32_t topic, uint32_t taker, uint32_t *end)
{
    const struct assignor_plan *plan = even->plan;
    even->is_topic_seen[topic] = true;
    even->steps += plan_partitions_of(plan, topic);
    for (uint32_t p = plan->first[topic]; p < plan->first[topic + 1]; p++) {
        uint32_t owner = plan->owner[p];
        struct way *way = &even->ways[owner];
        if (!even->is_seen[owner]) {
            even->is_seen[owner] = true;
            *way = (struct way){.taker = taker, .partition = p};
            even->queue[(*end)++] = owner;
        } else if (owner != taker && way->taker == taker && even->was_kept[way->partition] && !even->was_kept[p]) {
            way->partition = p;
        }
    }
}

/* Who has most of those between `from` and `end` of the queue, if that is two more than `least` at least. */
static uint32_t find_giver(const struct evening *even, uint32_t from, uint32_t end, uint32_t least)
{
    const uint32_t *load = even->plan->load;
    uint32_t giver = NOBODY;
    for (uint32_t i = from; i < end; i++) {
        uint32_t member = even->queue[i];
        if (load[member] >= least + 2 && (giver == NOBODY || load[member] > load[giver]))
            giver = member;
    }
    return giver;
}

/* Breadth first. The members that were seen are in the queue before `*end`. */
static uint32_t search(struct evening *even, uint32_t taker, uint32_t *end)
{
    const struct assignor_group *group = group_of(even);
    memset(even->is_topic_seen, 0, group->topic_count);
    memcpy(even->is_seen, even->is_done, group->member_count);
    even->steps += group->member_count + group->topic_count;
    even->is_seen[taker] = true;
    even->queue[0] = taker;
    *end = 1;
    for (uint32_t from = 0; from < *end;) {
        uint32_t level_end = *end;
        for (; from < level_end; from++) {
            const struct assignor_member *member = &group->members[even->queue[from]];
            even->steps += member->topic_count;
            for (uint32_t i = 0; i < member->topic_count; i++) {
                if (!even->is_topic_seen[member->topics[i]])
                    see_owners(even, member->topics[i], even->queue[from], end);
            }
        }
        uint32_t giver = find_giver(even, level_end, *end, even->plan->load[taker]);
        if (giver != NOBODY)
            return giver;
    }
    return NOBODY;
}

static void move_along(struct evening *even, uint32_t giver, uint32_t taker)
{
    struct assignor_plan *plan = even->plan;
    while (giver != taker) {
        struct way way = even->ways[giver];
        plan_take_back(plan, way.partition);
        plan_give(plan, way.partition, way.taker);
        even->was_kept[way.partition] = false;
        giver = way.taker;
    }
}

static uint32_t find_least(struct evening *even)
{
    uint32_t least = NOBODY;
    even->steps += group_of(even)->member_count;
    for (uint32_t m = 0; m < group_of(even)->member_count; m++) {
        if (!even->is_done[m] && (least == NOBODY || has_less(even->plan, m, least)))
            least = m;
    }
    return least;
}

/* What is left when the steps are used up, in linear time and not as sparing of moves: what anybody has beyond his
 * share goes to that subscriber who has least, which may be himself. */
static void level(struct evening *even)
{
    struct assignor_plan *plan = even->plan;
    uint32_t members = group_of(even)->member_count, partitions = plan->first[group_of(even)->topic_count];
    uint32_t share = partitions / members + (partitions % members != 0);
    for (uint32_t p = 0; p < partitions; p++) {
        if (plan->owner[p] != NOBODY && plan->load[plan->owner[p]] > share)
            plan_take_back(plan, p);
    }
    give_all_free(even);
}

/* Without a move, going on from there would come no further. */
static void even_out(struct evening *even)
{
    uint32_t taker, end;
    bool moves = false;
    while ((taker = find_least(even)) != NOBODY) {
        if (even->steps >= ASSIGNOR_STEPS_MAX) {
            even->plan->is_cut = moves;
            level(even);
            return;
        }
        uint32_t giver = search(even, taker, &end);
        moves = moves || giver != NOBODY;
        if (giver != NOBODY)
            move_along(even, giver, taker);
        for (uint32_t i = 0; giver == NOBODY && i < end; i++)
            even->is_done[even->queue[i]] = true;
    }
}

/* ---- memory ---- */

/* One block for everything, the wider parts first; NULL: no memory. */
static void *open_block(struct evening *even, size_t *size)
{
    const struct assignor_group *group = group_of(even);
    size_t members = group->member_count, topics = group->topic_count, partitions = even->plan->first[topics];
    size_t subscriptions = subscription_count(group);
    *size = topics * sizeof *even->order + members * sizeof *even->ways +
            (topics + 1 + subscriptions + members) * sizeof(uint32_t) + 2 * members + topics + partitions;
    uint8_t *block = memory_alloc_zeroed(even->plan->memory, MEMORY_GROUPS, *size);
    if (block == NULL)
        return NULL;
    even->order = (struct even_topic *)(void *)block;
    even->ways = (struct way *)(void *)(even->order + topics);
    even->first_subscriber = (uint32_t *)(void *)(even->ways + members);
    even->subscribers = even->first_subscriber + topics + 1;
    even->queue = even->subscribers + subscriptions;
    even->is_done = (uint8_t *)(even->queue + members);
    even->is_seen = even->is_done + members;
    even->is_topic_seen = even->is_seen + members;
    even->was_kept = even->is_topic_seen + topics;
    return block;
}

int assign_evenly(struct assignor_plan *plan)
{
    struct evening even = {.plan = plan};
    size_t size;
    void *block = open_block(&even, &size);
    if (block == NULL)
        return -ENOMEM;
    list_subscribers(&even);
    give_all_free(&even);
    even_out(&even);
    plan->steps = even.steps;
    memory_free(plan->memory, MEMORY_GROUPS, block, size);
    return 0;
}
