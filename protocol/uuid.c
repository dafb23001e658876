#include "uuid.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct uuid uuid_from_random(const uint8_t random[16])
{
    struct uuid uuid;
    memcpy(uuid.bytes, random, sizeof uuid.bytes);
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
    if (uuid.bytes[0] >> 2 == 62) /* would be printed as '-' */
        uuid.bytes[0] &= 0x7f;
    return uuid;
}

void uuid_print(struct uuid uuid, char text[UUID_TEXT_SIZE])
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t length = 0;
    for (size_t i = 0; i < sizeof uuid.bytes; i++) {
        bits = bits << 8 | uuid.bytes[i];
        for (held += 8; held >= 6; held -= 6)
            text[length++] = alphabet[bits >> (held - 6) & 63];
    }
    text[length++] = alphabet[bits << (6 - held) & 63];
    text[length] = '\0';
}

bool uuid_parse(slice text, struct uuid *uuid)
{
    if (text.size != UUID_TEXT_SIZE - 1)
        return false;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t length = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char *found = text.data[i] != '\0' ? strchr(alphabet, text.data[i]) : NULL;
        if (found == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(found - alphabet);
        held += 6;
        if (held >= 8 && length < sizeof uuid->bytes) {
            held -= 8;
            uuid->bytes[length++] = (uint8_t)(bits >> held);
        }
    }
    return true;
}
