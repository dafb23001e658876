/* Borrowed bytes: a pointer and a length, owned by somebody else. data == NULL is the protocol's null. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct slice {
    const uint8_t *data;
    size_t size;
} slice;

#define NULL_SLICE ((slice){NULL, 0})

/* For printf's "%.*s". */
#define SLICE_PRINT(text) (int)(text).size, (const char *)(text).data

static inline slice slice_of(const void *data, size_t size)
{
    return (slice){data, size};
}

static inline slice slice_of_text(const char *text)
{
    return (slice){(const uint8_t *)text, strlen(text)};
}

static inline bool slice_is_null(slice bytes)
{
    return bytes.data == NULL;
}

static inline bool slice_equal(slice a, slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* By their bytes; what another one begins with stands before it. As memcmp. */
static inline int slice_compare(slice a, slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}
