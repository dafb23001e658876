/* Places of records while the last ones are looked for: of each group (a partition, or a key in one) the last `count`,
 * in a ring. Private to read_last. */
#pragma once

#include "memory.h"
#include "rest/record_pass.h"

/* All groups' rings together. */
#define READ_LAST_PLACES_MAX 100000

struct read_last_group {
    uint64_t tag;
    uint32_t hash;
    int32_t part;
    int32_t seen;  /* so many are in the ring, or it is full */
    int32_t next;  /* place in the ring */
    uint32_t ring; /* its first place */
};

struct read_last_found {
    struct memory *memory;
    int32_t count; /* of a ring */
    struct read_last_group *groups;
    uint32_t group_count, group_room;
    uint32_t *slots; /* by hash: the group and 1; 0: none */
    uint32_t slot_count;
    struct record_place *places;
    size_t place_room;
    bool failed;   /* no memory */
    bool is_large; /* more groups than there may be */
};

struct read_last_found *read_last_found_make(struct memory *memory, int32_t count);
void read_last_found_free(struct read_last_found *found);
/* Forgets all. */
void read_last_found_clear(struct read_last_found *found);
void read_last_found_add(struct read_last_found *found, const struct record_place *place);
/* How many there are of a part, in all its groups. */
int32_t read_last_found_count(const struct read_last_found *found, int32_t part);
/* The i-th of a group, oldest first. */
const struct record_place *read_last_found_get(const struct read_last_found *found, const struct read_last_group *group,
                                               int32_t i);
