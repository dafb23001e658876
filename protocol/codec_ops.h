/* What the codecs share; only compression.c and the codecs' own files include it. */
#pragma once

#include "compression.h"

#include <errno.h>

/* Compressed output is appended in steps of this size. */
#define CODEC_STEP ((size_t)16384)

struct codec_ops {
    /* NULL where opening takes nothing. */
    int (*open)(struct decompressor *d, struct error *error);
    /* At most `size` bytes, size > 0; fewer, down to none, only when nothing follows. */
    int (*read)(struct decompressor *d, uint8_t *to, size_t size, size_t *got, struct error *error);
    void (*close)(struct decompressor *d);
    int (*compress)(slice input, int level, writer *w, struct error *error);
};

extern const struct codec_ops gzip_ops;
extern const struct codec_ops snappy_ops;
extern const struct codec_ops lz4_ops;
extern const struct codec_ops zstd_ops;

/* Allocation callbacks for libraries: `memory` is the ledger. Libraries free without a size, so each block carries its
 * own in front. */
void *codec_alloc(void *memory, size_t size);
void codec_free(void *memory, void *block);

/* The input not yet consumed. */
static inline slice codec_input(const struct decompressor *d)
{
    return slice_of(d->input.data + d->position, d->input.size - d->position);
}

static inline int codec_corrupt(struct error *error, const char *codec, const char *what)
{
    return error_set(error, FURROW_CORRUPT, "%s: %s", codec, what);
}

static inline int codec_out_of_memory(struct error *error, const char *codec)
{
    return error_set_status(error, -ENOMEM, "%s", codec);
}
