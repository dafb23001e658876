/* UUIDs as Kafka writes them: 16 bytes on the wire, URL-safe base64 without padding (22 characters) as text. */
#pragma once

#include "slice.h"

#define UUID_TEXT_SIZE 23 /* with the NUL byte */

struct uuid {
    uint8_t bytes[16];
};

#define UUID_ZERO ((struct uuid){{0}})

static inline bool uuid_is_zero(struct uuid uuid)
{
    return memcmp(uuid.bytes, UUID_ZERO.bytes, sizeof uuid.bytes) == 0;
}

static inline bool uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

/* 16 random bytes made into a version 4 UUID (RFC 9562) whose text does not start with '-', as Kafka's own do not. */
struct uuid uuid_from_random(const uint8_t random[16]);

void uuid_print(struct uuid uuid, char text[UUID_TEXT_SIZE]);

/* False when the text is not 22 characters of base64url. */
bool uuid_parse(slice text, struct uuid *uuid);
