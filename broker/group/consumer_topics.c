/* The topics that the members of a group subscribe to, as far as they exist, and who holds each of their partitions. */
#include "group/consumer_private.h"

#include <errno.h>
#include <stdlib.h>

#define TABLE_FIRST 16

/* ---- making the table ---- */

struct table {
    struct consumer_topic *items;
    uint32_t count;
    uint32_t capacity;
    uint32_t sorted; /* of which none is there twice */
};

static int compare_topics(const void *left, const void *right)
{
    const struct consumer_topic *a = left, *b = right;
    return memcmp(a->id.bytes, b->id.bytes, sizeof a->id.bytes);
}

static void settle_table(struct table *table)
{
    if (table->sorted == table->count)
        return;
    qsort(table->items, table->count, sizeof *table->items, compare_topics);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < table->count; i++) {
        if (!uuid_equal(table->items[kept - 1].id, table->items[i].id))
            table->items[kept++] = table->items[i];
    }
    table->count = table->sorted = kept;
}

/* Names are borrowed until the table is done. */
static int add_topic(struct consumer_group *group, struct table *table, slice name)
{
    const struct group_topics *topics = &group->group->coordinator->store.topics;
    struct group_topic found;
    group->steps++;
    if (!topics->find(topics->context, name, &found))
        return 0;
    if (table->count == table->capacity)
        settle_table(table);
    if (table->count * 2 >= table->capacity) {
        uint32_t capacity = table->capacity > 0 ? table->capacity * 2 : TABLE_FIRST;
        struct consumer_topic *more = memory_realloc(group->memory, MEMORY_GROUPS, table->items,
                                                     table->capacity * sizeof *more, capacity * sizeof *more);
        if (more == NULL)
            return -ENOMEM;
        table->items = more;
        table->capacity = capacity;
    }
    table->items[table->count++] =
        (struct consumer_topic){.id = found.id, .name = found.name, .partition_count = found.partition_count};
    return 0;
}

static int add_names(struct consumer_group *group, struct table *table, const struct name_list *names)
{
    int rc = 0;
    for (uint32_t i = 0; i < names->count && rc == 0; i++)
        rc = add_topic(group, table, names->items[i]);
    return rc;
}

static int add_all(struct consumer_group *group, struct table *table)
{
    int rc = 0;
    for (const struct consumer_member *m = group->members; m != NULL && rc == 0; m = m->next)
        rc = add_names(group, table, &m->names);
    for (const struct consumer_regex *r = group->regexes; r != NULL && rc == 0; r = r->next)
        rc = add_names(group, table, &r->topics);
    settle_table(table);
    return rc;
}

static void free_topic(struct consumer_group *group, struct consumer_topic *topic)
{
    consumer_drop(group, &topic->name);
    memory_free(group->memory, MEMORY_GROUPS, topic->owners, (size_t)topic->partition_count * sizeof *topic->owners);
}

static void free_topics(struct consumer_group *group, struct consumer_topic *topics, uint32_t count, size_t room)
{
    for (uint32_t i = 0; i < count; i++)
        free_topic(group, &topics[i]);
    memory_free(group->memory, MEMORY_GROUPS, topics, room * sizeof *topics);
}

/* A table of its own texts and owners, in a block of its size. */
static int own_table(struct consumer_group *group, const struct table *table, struct consumer_topic **owned)
{
    struct consumer_topic *topics = memory_alloc(group->memory, MEMORY_GROUPS, table->count * sizeof *topics);
    if (topics == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < table->count; i++) {
        topics[i] = table->items[i];
        topics[i].name = NULL_SLICE;
        topics[i].owners = memory_alloc_zeroed(group->memory, MEMORY_GROUPS,
                                               (size_t)topics[i].partition_count * sizeof *topics[i].owners);
        if (topics[i].owners == NULL || !consumer_keep(group, &topics[i].name, table->items[i].name)) {
            if (topics[i].owners != NULL)
                free_topic(group, &topics[i]);
            free_topics(group, topics, i, table->count);
            return -ENOMEM;
        }
    }
    *owned = topics;
    return 0;
}

int consumer_refresh_topics(struct consumer_group *group)
{
    struct table table = {.items = NULL};
    struct consumer_topic *topics = NULL;
    group->steps += group->member_count;
    int rc = add_all(group, &table);
    if (rc == 0)
        rc = own_table(group, &table, &topics);
    if (rc == 0) {
        free_topics(group, group->topics, group->topic_count, group->topic_count);
        group->topics = topics;
        group->topic_count = table.count;
        for (const struct consumer_member *m = group->members; m != NULL; m = m->next)
            consumer_take(group, m);
    }
    memory_free(group->memory, MEMORY_GROUPS, table.items, table.capacity * sizeof *table.items);
    return rc;
}

void consumer_free_topics(struct consumer_group *group)
{
    free_topics(group, group->topics, group->topic_count, group->topic_count);
    group->topics = NULL;
    group->topic_count = 0;
}

/* ---- who holds what ---- */

const struct consumer_topic *consumer_find_topic(const struct consumer_group *group, struct uuid id)
{
    struct consumer_topic key = {.id = id};
    return group->topic_count == 0 ? NULL
                                   : bsearch(&key, group->topics, group->topic_count, sizeof key, compare_topics);
}

static const struct consumer_member **owner_of(const struct consumer_group *group, const struct claim *claim)
{
    const struct consumer_topic *topic = consumer_find_topic(group, claim->topic);
    bool is_there = topic != NULL && claim->partition >= 0 && claim->partition < topic->partition_count;
    return is_there ? &topic->owners[claim->partition] : NULL;
}

bool consumer_is_held_by_other(const struct consumer_group *group, const struct consumer_member *member,
                               const struct claim *claim)
{
    const struct consumer_member **owner = owner_of(group, claim);
    return owner != NULL && *owner != NULL && *owner != member;
}

static void mark(struct consumer_group *group, const struct claims *claims, const struct consumer_member *from,
                 const struct consumer_member *to)
{
    for (uint32_t i = 0; i < claims->count; i++) {
        const struct consumer_member **owner = owner_of(group, &claims->items[i]);
        if (owner != NULL && *owner == from)
            *owner = to;
    }
}

void consumer_take(struct consumer_group *group, const struct consumer_member *member)
{
    mark(group, &member->assigned, NULL, member);
    mark(group, &member->revoking, NULL, member);
}

void consumer_let_go(struct consumer_group *group, const struct consumer_member *member)
{
    mark(group, &member->assigned, member, NULL);
    mark(group, &member->revoking, member, NULL);
}

/* ---- subscriptions ---- */

/* NULL: it has none. */
static const struct consumer_regex *regex_of(const struct consumer_group *group, const struct consumer_member *member)
{
    return slice_is_null(member->regex) ? NULL : consumer_find_regex(group, member->regex);
}

bool consumer_subscribes(const struct consumer_group *group, const struct consumer_member *member, slice topic)
{
    if (name_list_has(&member->names, topic))
        return true;
    const struct consumer_regex *regex = regex_of(group, member);
    return regex != NULL && name_list_has(&regex->topics, topic);
}

int consumer_subscription(const struct consumer_group *group, const struct consumer_member *member, struct arena *arena,
                          uint32_t **topics, uint32_t *count)
{
    const struct consumer_regex *regex = regex_of(group, member);
    size_t names = (size_t)member->names.count + (regex != NULL ? regex->topics.count : 0);
    size_t room = names < group->topic_count ? names : group->topic_count;
    *topics = arena_alloc(arena, room * sizeof **topics);
    *count = 0;
    if (*topics == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < group->topic_count && *count < room; i++) {
        if (consumer_subscribes(group, member, group->topics[i].name))
            (*topics)[(*count)++] = i;
    }
    return 0;
}
