/* The custom allocators of lz4frame are declared for static linking only, though Debian's shared library exports them
 * (1.9.4). They have kept their form since 1.9.3; without them the contexts would escape the ledger. */
#define LZ4F_STATIC_LINKING_ONLY

#include "codec_ops.h"

#include <lz4frame.h>
#include <lz4hc.h>

static LZ4F_CustomMem allocators(struct memory *memory)
{
    return (LZ4F_CustomMem){.customAlloc = codec_alloc, .customFree = codec_free, .opaqueState = memory};
}

static int failure(size_t code, struct error *error)
{
    if (LZ4F_getErrorCode(code) == LZ4F_ERROR_allocation_failed)
        return codec_out_of_memory(error, "lz4");
    return codec_corrupt(error, "lz4", LZ4F_getErrorName(code));
}

struct lz4_state {
    LZ4F_dctx *context;
    bool in_frame; /* its end has not been seen */
};

static int lz4_open(struct decompressor *d, struct error *error)
{
    struct lz4_state *state = memory_alloc_zeroed(d->memory, MEMORY_COMPRESSION, sizeof *state);
    if (state == NULL)
        return codec_out_of_memory(error, "lz4");
    state->context = LZ4F_createDecompressionContext_advanced(allocators(d->memory), LZ4F_VERSION);
    if (state->context == NULL) {
        memory_free(d->memory, MEMORY_COMPRESSION, state, sizeof *state);
        return codec_out_of_memory(error, "lz4");
    }
    state->in_frame = true;
    d->state = state;
    return 0;
}

static int lz4_read(struct decompressor *d, uint8_t *to, size_t size, size_t *got, struct error *error)
{
    struct lz4_state *state = d->state;
    *got = 0;
    while (*got < size) {
        slice input = codec_input(d);
        if (!state->in_frame && input.size == 0)
            return 0;
        size_t out = size - *got, in = input.size;
        size_t hint = LZ4F_decompress(state->context, to + *got, &out, input.data, &in, NULL);
        d->position += in;
        *got += out;
        if (LZ4F_isError(hint))
            return failure(hint, error);
        if (in == 0 && out == 0 && hint != 0)
            return codec_corrupt(error, "lz4", "the data ends early");
        state->in_frame = hint != 0;
    }
    return 0;
}

static void lz4_close(struct decompressor *d)
{
    struct lz4_state *state = d->state;
    LZ4F_freeDecompressionContext(state->context);
    memory_free(d->memory, MEMORY_COMPRESSION, state, sizeof *state);
}

/* Kafka's default, 9, means the fast compressor; the other levels mean the high compressor (KIP-390). */
static int frame_level(int level)
{
    if (level == codec_default_level(CODEC_LZ4))
        return 0;
    return level < LZ4HC_CLEVEL_MIN ? LZ4HC_CLEVEL_MIN : level;
}

/* Blocks as Java's client makes them: 64 KiB, each by itself, so neither side holds a history; no checksums, the batch
 * has its own. */
static LZ4F_preferences_t preferences_for(int level)
{
    return (LZ4F_preferences_t){
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = frame_level(level),
        .autoFlush = 1,
    };
}

#define BLOCK_SIZE ((size_t)64 << 10)

/* Gives back what lz4 did not use of the room that was just made for it. */
static int keep_used(writer *w, size_t room, size_t used, struct error *error)
{
    if (LZ4F_isError(used)) {
        writer_cut(w, w->size - room);
        return failure(used, error);
    }
    writer_cut(w, w->size - room + used);
    return 0;
}

static int begin_frame(LZ4F_cctx *context, const LZ4F_preferences_t *preferences, writer *w, struct error *error)
{
    uint8_t *to = writer_extend(w, LZ4F_HEADER_SIZE_MAX);
    if (to == NULL)
        return codec_out_of_memory(error, "lz4");
    return keep_used(w, LZ4F_HEADER_SIZE_MAX, LZ4F_compressBegin(context, to, LZ4F_HEADER_SIZE_MAX, preferences),
                     error);
}

static int add_block(LZ4F_cctx *context, const LZ4F_preferences_t *preferences, slice block, writer *w,
                     struct error *error)
{
    size_t room = LZ4F_compressBound(block.size, preferences);
    uint8_t *to = writer_extend(w, room);
    if (to == NULL)
        return codec_out_of_memory(error, "lz4");
    return keep_used(w, room, LZ4F_compressUpdate(context, to, room, block.data, block.size, NULL), error);
}

static int end_frame(LZ4F_cctx *context, const LZ4F_preferences_t *preferences, writer *w, struct error *error)
{
    size_t room = LZ4F_compressBound(0, preferences);
    uint8_t *to = writer_extend(w, room);
    if (to == NULL)
        return codec_out_of_memory(error, "lz4");
    return keep_used(w, room, LZ4F_compressEnd(context, to, room, NULL), error);
}

static int compress_frame(LZ4F_cctx *context, slice input, int level, writer *w, struct error *error)
{
    LZ4F_preferences_t preferences = preferences_for(level);
    int rc = begin_frame(context, &preferences, w, error);
    for (size_t position = 0; rc == 0 && position < input.size; position += BLOCK_SIZE) {
        size_t left = input.size - position;
        slice block = slice_of(input.data + position, left < BLOCK_SIZE ? left : BLOCK_SIZE);
        rc = add_block(context, &preferences, block, w, error);
    }
    return rc == 0 ? end_frame(context, &preferences, w, error) : rc;
}

static int lz4_compress(slice input, int level, writer *w, struct error *error)
{
    LZ4F_cctx *context = LZ4F_createCompressionContext_advanced(allocators(w->memory), LZ4F_VERSION);
    if (context == NULL)
        return codec_out_of_memory(error, "lz4");
    int rc = compress_frame(context, input, level, w, error);
    LZ4F_freeCompressionContext(context);
    return rc;
}

const struct codec_ops lz4_ops = {lz4_open, lz4_read, lz4_close, lz4_compress};
