/* The constructors that take an allocator are declared for static linking only, though shared libraries export them.
 * They have kept their form since 1.0; without them the contexts would escape the ledger. */
#define ZSTD_STATIC_LINKING_ONLY

#include "codec_ops.h"

#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG_MIN 23 /* CODEC_ZSTD_WINDOW_MAX */
#define WINDOW_LOG_MAX 27 /* level 22 at its worst */

static ZSTD_customMem allocators(struct memory *memory)
{
    return (ZSTD_customMem){.customAlloc = codec_alloc, .customFree = codec_free, .opaque = memory};
}

static int failure(size_t code, struct error *error)
{
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
        return codec_out_of_memory(error, "zstd");
    case ZSTD_error_frameParameter_windowTooLarge:
    case ZSTD_error_frameParameter_unsupported:
    case ZSTD_error_dictionary_wrong:
        return error_set(error, FURROW_UNSUPPORTED, "zstd: %s", ZSTD_getErrorName(code));
    default:
        return codec_corrupt(error, "zstd", ZSTD_getErrorName(code));
    }
}

struct zstd_state {
    ZSTD_DCtx *context;
    bool in_frame; /* its end has not been seen */
};

static int window_log(size_t limit)
{
    int log = WINDOW_LOG_MIN;
    while (log < WINDOW_LOG_MAX && (size_t)1 << log < limit)
        log++;
    return log;
}

static int zstd_open(struct decompressor *d, struct error *error)
{
    struct zstd_state *state = memory_alloc_zeroed(d->memory, MEMORY_COMPRESSION, sizeof *state);
    if (state == NULL)
        return codec_out_of_memory(error, "zstd");
    state->context = ZSTD_createDCtx_advanced(allocators(d->memory));
    if (state->context == NULL) {
        memory_free(d->memory, MEMORY_COMPRESSION, state, sizeof *state);
        return codec_out_of_memory(error, "zstd");
    }
    ZSTD_DCtx_setParameter(state->context, ZSTD_d_windowLogMax, window_log(d->limit));
    state->in_frame = true;
    d->state = state;
    return 0;
}

static int zstd_read(struct decompressor *d, uint8_t *to, size_t size, size_t *got, struct error *error)
{
    struct zstd_state *state = d->state;
    ZSTD_outBuffer out = {.dst = to, .size = size};
    ZSTD_inBuffer in = {.src = d->input.data, .size = d->input.size, .pos = d->position};
    size_t hint = 0;
    while (out.pos < size && (state->in_frame || in.pos < in.size)) {
        size_t in_before = in.pos, out_before = out.pos;
        hint = ZSTD_decompressStream(state->context, &out, &in);
        if (ZSTD_isError(hint))
            return failure(hint, error);
        if (hint != 0 && in.pos == in_before && out.pos == out_before)
            return codec_corrupt(error, "zstd", "the data ends early");
        state->in_frame = hint != 0;
    }
    d->position = in.pos;
    *got = out.pos;
    return 0;
}

static void zstd_close(struct decompressor *d)
{
    struct zstd_state *state = d->state;
    ZSTD_freeDCtx(state->context);
    memory_free(d->memory, MEMORY_COMPRESSION, state, sizeof *state);
}

/* In one pass into room for the worst case: the context then holds no copy of the input. */
static int zstd_compress(slice input, int level, writer *w, struct error *error)
{
    ZSTD_CCtx *context = ZSTD_createCCtx_advanced(allocators(w->memory));
    if (context == NULL)
        return codec_out_of_memory(error, "zstd");
    size_t room = ZSTD_compressBound(input.size);
    uint8_t *to = writer_extend(w, room);
    int rc = 0;
    if (to == NULL) {
        rc = codec_out_of_memory(error, "zstd");
    } else {
        size_t used = ZSTD_compressCCtx(context, to, room, input.data, input.size, level);
        writer_cut(w, w->size - room + (ZSTD_isError(used) ? 0 : used));
        rc = ZSTD_isError(used) ? failure(used, error) : 0;
    }
    ZSTD_freeCCtx(context);
    return rc;
}

const struct codec_ops zstd_ops = {zstd_open, zstd_read, zstd_close, zstd_compress};
