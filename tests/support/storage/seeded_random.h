/* Random numbers that a seed decides (splitmix64): a test that fails names its seed and can be run again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct seeded_random {
    uint64_t state; /* the seed at first */
};

static inline uint64_t random_next(struct seeded_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* 0 to below - 1; below is at least 1. */
static inline uint64_t random_below(struct seeded_random *random, uint64_t below)
{
    return random_next(random) % below;
}

static inline bool random_chance(struct seeded_random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}
