#include "rest/read_last_found.h"

#define FIRST_ROOM 16

struct read_last_found *read_last_found_make(struct memory *memory, int32_t count)
{
    struct read_last_found *found = memory_alloc_zeroed(memory, MEMORY_REQUESTS, sizeof *found);
    if (found == NULL)
        return NULL;
    found->memory = memory;
    found->count = count;
    return found;
}

static void free_tables(struct read_last_found *found)
{
    struct memory *memory = found->memory;
    memory_free(memory, MEMORY_REQUESTS, found->groups, found->group_room * sizeof *found->groups);
    memory_free(memory, MEMORY_REQUESTS, found->slots, found->slot_count * sizeof *found->slots);
    memory_free(memory, MEMORY_REQUESTS, found->places, found->place_room * sizeof *found->places);
}

void read_last_found_free(struct read_last_found *found)
{
    free_tables(found);
    memory_free(found->memory, MEMORY_REQUESTS, found, sizeof *found);
}

void read_last_found_clear(struct read_last_found *found)
{
    free_tables(found);
    *found = (struct read_last_found){.memory = found->memory, .count = found->count};
}

/* ---- groups ---- */

static bool is_of(const struct read_last_group *group, const struct record_place *place)
{
    return group->hash == place->key_hash && group->tag == place->key_tag && group->part == place->part;
}

static uint32_t first_slot(const struct read_last_found *found, uint64_t tag, int32_t part)
{
    return (uint32_t)(tag ^ tag >> 32 ^ (uint32_t)part * UINT32_C(2654435761)) & (found->slot_count - 1);
}

static void put_in_slot(struct read_last_found *found, uint32_t index)
{
    const struct read_last_group *group = &found->groups[index];
    uint32_t slot = first_slot(found, group->tag, group->part);
    while (found->slots[slot] != 0)
        slot = (slot + 1) & (found->slot_count - 1);
    found->slots[slot] = index + 1;
}

static bool grow(struct read_last_found *found)
{
    struct memory *memory = found->memory;
    uint32_t room = found->group_room != 0 ? 2 * found->group_room : FIRST_ROOM;
    size_t places = (size_t)room * (size_t)found->count;
    struct read_last_group *groups = memory_realloc(memory, MEMORY_REQUESTS, found->groups,
                                                    found->group_room * sizeof *groups, room * sizeof *groups);
    if (groups == NULL)
        return false;
    found->groups = groups;
    found->group_room = room;
    struct record_place *grown = memory_realloc(memory, MEMORY_REQUESTS, found->places,
                                                found->place_room * sizeof *grown, places * sizeof *grown);
    if (grown == NULL)
        return false;
    found->places = grown;
    found->place_room = places;
    uint32_t *slots = memory_alloc_zeroed(memory, MEMORY_REQUESTS, 2 * room * sizeof *slots);
    if (slots == NULL)
        return false;
    memory_free(memory, MEMORY_REQUESTS, found->slots, found->slot_count * sizeof *slots);
    found->slots = slots;
    found->slot_count = 2 * room;
    for (uint32_t i = 0; i < found->group_count; i++)
        put_in_slot(found, i);
    return true;
}

static struct read_last_group *find_group(const struct read_last_found *found, const struct record_place *place)
{
    if (found->slot_count == 0)
        return NULL;
    uint32_t slot = first_slot(found, place->key_tag, place->part);
    for (; found->slots[slot] != 0; slot = (slot + 1) & (found->slot_count - 1)) {
        struct read_last_group *group = &found->groups[found->slots[slot] - 1];
        if (is_of(group, place))
            return group;
    }
    return NULL;
}

static struct read_last_group *add_group(struct read_last_found *found, const struct record_place *place)
{
    found->is_large |= ((size_t)found->group_count + 1) * (size_t)found->count > READ_LAST_PLACES_MAX;
    if (found->is_large)
        return NULL;
    if ((found->group_count == found->group_room || found->places == NULL || found->slots == NULL) && !grow(found)) {
        found->failed = true;
        return NULL;
    }
    uint32_t index = found->group_count++;
    found->groups[index] = (struct read_last_group){
        .tag = place->key_tag,
        .hash = place->key_hash,
        .part = place->part,
        .ring = index * (uint32_t)found->count,
    };
    put_in_slot(found, index);
    return &found->groups[index];
}

/* ---- places ---- */

void read_last_found_add(struct read_last_found *found, const struct record_place *place)
{
    if (found->failed || found->is_large)
        return;
    struct read_last_group *group = find_group(found, place);
    if (group == NULL)
        group = add_group(found, place);
    if (group == NULL)
        return;
    found->places[group->ring + (uint32_t)group->next] = *place;
    group->next = (group->next + 1) % found->count;
    group->seen += group->seen < found->count;
}

int32_t read_last_found_count(const struct read_last_found *found, int32_t part)
{
    int32_t count = 0;
    for (uint32_t i = 0; i < found->group_count; i++)
        count += found->groups[i].part == part ? found->groups[i].seen : 0;
    return count;
}

const struct record_place *read_last_found_get(const struct read_last_found *found, const struct read_last_group *group,
                                               int32_t i)
{
    int32_t oldest = group->seen < found->count ? 0 : group->next;
    return &found->places[group->ring + (uint32_t)((oldest + i) % found->count)];
}
