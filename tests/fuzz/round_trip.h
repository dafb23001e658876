/* For fuzz targets of messages: what is decoded is encoded, and decodes to the same again. Only the way in which bytes
 * spell a value may differ the first time (long varints, defaults that were written). */
#pragma once

#include "kafka/codec.h"

#include <stdlib.h>

#define ARENA_LIMIT     ((size_t)1 << 20)
#define STRUCT_SIZE_MAX ((size_t)4096)

struct pass {
    struct memory memory;
    struct arena arena;
    writer w;
    int rc; /* of the decoding */
};

static inline void require(bool condition)
{
    if (!condition)
        abort();
}

static inline void pass_message(struct pass *pass, const struct message_type *type, int16_t version, slice bytes)
{
    reader r = reader_of(bytes);
    void *value = arena_alloc(&pass->arena, STRUCT_SIZE_MAX);
    pass->rc = kafka_decode(type, version, &r, value, &pass->arena);
    if (pass->rc != 0)
        return;
    writer text;
    writer_init(&text, &pass->memory, MEMORY_RESPONSES, (size_t)1 << 30);
    kafka_dump(type, version, value, &text);
    require(writer_ok(&text));
    writer_close(&text);
    require(kafka_encode(type, version, value, &pass->w) == 0);
}

static inline void pass_open(struct pass *pass)
{
    memory_init(&pass->memory);
    arena_init(&pass->arena, &pass->memory, MEMORY_REQUESTS, ARENA_LIMIT);
    writer_init(&pass->w, &pass->memory, MEMORY_RESPONSES, (size_t)1 << 30);
}

static inline void pass_close(struct pass *pass)
{
    writer_close(&pass->w);
    arena_close(&pass->arena);
    require(memory_total_bytes(&pass->memory) == 0);
}

static inline void round_trip(const struct message_type *type, int16_t version, slice bytes)
{
    struct pass first, second;
    pass_open(&first);
    pass_open(&second);
    pass_message(&first, type, version, bytes);
    if (first.rc == 0) {
        pass_message(&second, type, version, writer_slice(&first.w));
        require(second.rc == 0);
        require(slice_equal(writer_slice(&first.w), writer_slice(&second.w)));
    }
    pass_close(&second);
    pass_close(&first);
}
