/* Records that are named as places to begin at: in the query, and in the links of pages.
 *
 *     5               on a route of one partition
 *     0:5,1:17        of one topic
 *     t:0:5,t:1:17    of several
 *     ~AAF4T…         the same of many partitions, so that it fits into a request's line: base64 for URLs, without
 *                     padding, of, for each topic, its name's CRC-32C, the number of its partitions, and of each of
 * these how far behind the last one it is, and its offset (varints) */
#pragma once

#include "arena.h"
#include "rest/record_pass.h"

struct read_place {
    struct read_place *next;
    slice topic;         /* null: whichever the route's are */
    int32_t partition;   /* -1: the route's */
    int64_t offset;      /* of the next record */
    bool is_packed;      /* instead of the topic's name: */
    uint32_t topic_hash; /* its CRC-32C */
};

/* Puts what the list says in front of *places, from the arena. is_after: the records are behind these. False: it is
 * none, or the arena is full. */
MUST_USE bool read_places_parse(slice list, bool is_after, struct arena *arena, struct read_place **places);

/* Those of the parts whose positions are not 0, packed; parts of a topic stand together. */
void read_places_pack(const struct record_part *parts, int32_t count, const int64_t *positions, writer *w);

/* topic_hash: that of the part's topic. */
bool read_place_names(const struct read_place *place, const struct record_part *part, uint32_t topic_hash);
uint32_t read_place_hash(slice topic);
