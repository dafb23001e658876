#define ZLIB_CONST /* zlib only reads its input, and then says so */

#include "codec_ops.h"

#include <zlib.h>

#define GZIP_WRAPPER 16 /* added to the window bits: the gzip format instead of zlib's */

static void *gzip_alloc(void *memory, uInt items, uInt size)
{
    return size == 0 || items <= SIZE_MAX / size ? codec_alloc(memory, (size_t)items * size) : NULL;
}

static uInt bounded(size_t size)
{
    return size < INT32_MAX ? (uInt)size : INT32_MAX;
}

static z_stream stream_on(struct memory *memory)
{
    return (z_stream){.zalloc = gzip_alloc, .zfree = codec_free, .opaque = memory};
}

struct gzip_state {
    z_stream stream;
    bool in_member; /* its end has not been seen */
};

static int gzip_open(struct decompressor *d, struct error *error)
{
    struct gzip_state *state = memory_alloc_zeroed(d->memory, MEMORY_COMPRESSION, sizeof *state);
    if (state == NULL)
        return codec_out_of_memory(error, "gzip");
    state->stream = stream_on(d->memory);
    state->in_member = true;
    if (inflateInit2(&state->stream, MAX_WBITS + GZIP_WRAPPER) != Z_OK) {
        memory_free(d->memory, MEMORY_COMPRESSION, state, sizeof *state);
        return codec_out_of_memory(error, "gzip");
    }
    d->state = state;
    return 0;
}

static int inflate_step(struct decompressor *d, uint8_t *to, size_t size, size_t *got, struct error *error)
{
    struct gzip_state *state = d->state;
    z_stream *z = &state->stream;
    slice input = codec_input(d);
    z->next_in = input.data;
    uInt in = z->avail_in = bounded(input.size);
    z->next_out = to;
    uInt out = z->avail_out = bounded(size);
    int rc = inflate(z, Z_NO_FLUSH);
    d->position += in - z->avail_in;
    *got = out - z->avail_out;
    switch (rc) {
    case Z_OK:
        return 0;
    case Z_STREAM_END:
        state->in_member = false;
        return 0;
    case Z_BUF_ERROR:
        return codec_corrupt(error, "gzip", "the data ends early");
    case Z_MEM_ERROR:
        return codec_out_of_memory(error, "gzip");
    default:
        return codec_corrupt(error, "gzip", z->msg != NULL ? z->msg : "wrong data");
    }
}

static int gzip_read(struct decompressor *d, uint8_t *to, size_t size, size_t *got, struct error *error)
{
    struct gzip_state *state = d->state;
    *got = 0;
    while (*got < size) {
        if (!state->in_member) {
            if (codec_input(d).size == 0)
                return 0;
            inflateReset(&state->stream);
            state->in_member = true;
        }
        size_t step = 0;
        int rc = inflate_step(d, to + *got, size - *got, &step, error);
        *got += step;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void gzip_close(struct decompressor *d)
{
    struct gzip_state *state = d->state;
    inflateEnd(&state->stream);
    memory_free(d->memory, MEMORY_COMPRESSION, state, sizeof *state);
}

/* A window no larger than the input spares memory: 256 KiB at the full 15 bits. */
static int window_bits(size_t input_size)
{
    int bits = 9;
    while (bits < MAX_WBITS && (size_t)1 << bits < input_size)
        bits++;
    return bits;
}

static int deflate_all(z_stream *z, slice input, writer *w, struct error *error)
{
    size_t position = 0;
    for (int rc = Z_OK; rc != Z_STREAM_END;) {
        uInt in = bounded(input.size - position);
        uint8_t *to = writer_extend(w, CODEC_STEP);
        if (to == NULL)
            return codec_out_of_memory(error, "gzip");
        z->next_in = input.data + position;
        z->avail_in = in;
        z->next_out = to;
        z->avail_out = (uInt)CODEC_STEP;
        rc = deflate(z, in == input.size - position ? Z_FINISH : Z_NO_FLUSH);
        position += in - z->avail_in;
        writer_cut(w, w->size - z->avail_out);
    }
    return 0;
}

static int gzip_compress(slice input, int level, writer *w, struct error *error)
{
    z_stream z = stream_on(w->memory);
    int rc = deflateInit2(&z, level, Z_DEFLATED, window_bits(input.size) + GZIP_WRAPPER, 8, Z_DEFAULT_STRATEGY);
    if (rc == Z_STREAM_ERROR)
        return error_set(error, FURROW_OUT_OF_RANGE, "gzip: level %d", level);
    if (rc != Z_OK)
        return codec_out_of_memory(error, "gzip");
    rc = deflate_all(&z, input, w, error);
    deflateEnd(&z);
    return rc;
}

const struct codec_ops gzip_ops = {gzip_open, gzip_read, gzip_close, gzip_compress};
