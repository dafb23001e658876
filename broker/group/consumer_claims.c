#include "group/consumer_claims.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

int claims_reserve(struct memory *memory, struct claims *claims, uint32_t count)
{
    *claims = (struct claims){.items = NULL};
    if (count == 0)
        return 0;
    claims->items = memory_alloc(memory, MEMORY_GROUPS, count * sizeof *claims->items);
    if (claims->items == NULL)
        return -ENOMEM;
    claims->capacity = count;
    return 0;
}

void claims_trim(struct memory *memory, struct claims *claims)
{
    if (claims->count == claims->capacity)
        return;
    if (claims->count == 0) {
        claims_free(memory, claims);
        return;
    }
    struct claim *smaller = memory_realloc(memory, MEMORY_GROUPS, claims->items, claims->capacity * sizeof *smaller,
                                           claims->count * sizeof *smaller);
    if (smaller == NULL)
        return;
    claims->items = smaller;
    claims->capacity = claims->count;
}

int claims_copy(struct memory *memory, struct claims *to, const struct claims *from)
{
    int rc = claims_reserve(memory, to, from->count);
    if (rc != 0)
        return rc;
    if (from->count > 0)
        memcpy(to->items, from->items, from->count * sizeof *from->items);
    to->count = from->count;
    return 0;
}

void claims_free(struct memory *memory, struct claims *claims)
{
    memory_free(memory, MEMORY_GROUPS, claims->items, claims->capacity * sizeof *claims->items);
    *claims = (struct claims){.items = NULL};
}

/* ---- order ---- */

static int compare(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int order = memcmp(a->topic.bytes, b->topic.bytes, sizeof a->topic.bytes);
    return order != 0 ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

void claims_sort(struct claims *claims)
{
    if (claims->count < 2)
        return;
    qsort(claims->items, claims->count, sizeof *claims->items, compare);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < claims->count; i++) {
        if (compare(&claims->items[kept - 1], &claims->items[i]) != 0)
            claims->items[kept++] = claims->items[i];
    }
    claims->count = kept;
}

/* ---- looking ---- */

const struct claim *claims_find(const struct claims *claims, struct uuid topic, int32_t partition)
{
    struct claim key = {.topic = topic, .partition = partition};
    return claims->count == 0 ? NULL : bsearch(&key, claims->items, claims->count, sizeof key, compare);
}

bool claims_equal(const struct claims *a, const struct claims *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (compare(&a->items[i], &b->items[i]) != 0)
            return false;
    }
    return true;
}

uint32_t claims_run(const struct claims *claims, uint32_t at)
{
    uint32_t end = at;
    while (end < claims->count && uuid_equal(claims->items[end].topic, claims->items[at].topic))
        end++;
    return end - at;
}

uint32_t claims_topic_count(const struct claims *claims)
{
    uint32_t topics = 0;
    for (uint32_t at = 0; at < claims->count; at += claims_run(claims, at))
        topics++;
    return topics;
}
