#include "rest/partitioner.h"

#define SEED     UINT32_C(0x9747b28c)
#define MULTIPLY UINT32_C(0x5bd1e995)

/* The words of the key are little-endian, whatever the machine. */
static uint32_t load_word(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

uint32_t partitioner_hash(slice key)
{
    const uint8_t *p = key.data;
    size_t left = key.size;
    uint32_t hash = SEED ^ (uint32_t)key.size;
    for (; left >= 4; p += 4, left -= 4) {
        uint32_t word = load_word(p) * MULTIPLY;
        word = (word ^ word >> 24) * MULTIPLY;
        hash = hash * MULTIPLY ^ word;
    }
    for (size_t i = 0; i < left; i++)
        hash ^= (uint32_t)p[i] << 8 * i;
    if (left != 0)
        hash *= MULTIPLY;
    hash = (hash ^ hash >> 13) * MULTIPLY;
    return hash ^ hash >> 15;
}
