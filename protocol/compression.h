/* Kafka's compression codecs: gzip, snappy, lz4 and zstd as they stand in record batches.
 *
 * Compressing appends to a writer. Decompressing pulls: a decompressor hands out the next bytes of what the compressed
 * slice holds, so records are walked without holding all of them; codec_decompress is the loop around it. Output is
 * bounded by the caller's limit: a bomb ends in FURROW_TOO_LARGE after `limit` bytes. The compressed slice is borrowed
 * and must outlive the decompressor.
 *
 * Formats: gzip as RFC 1952, members may follow one another. snappy is written in the framing of Java's client
 * ("xerial": blocks of 32 KiB) as Kafka's broker does; raw blocks, as librdkafka and franz-go send them, are read too.
 * lz4 is the frame format with the right header checksum (magic 2). zstd as RFC 8878, without dictionaries.
 *
 * All memory comes from the ledger under MEMORY_COMPRESSION, the libraries' contexts included. What a decompressor
 * holds: gzip 48 KiB; snappy one block (xerial: what the writer chose, Java's 32 KiB; a raw block: all of it, never
 * above the limit); lz4 twice the block size of the frame, at most 8 MiB; zstd the frame's window, at most
 * CODEC_ZSTD_WINDOW_MAX or the limit, whichever is larger, and 300 KiB. */
#pragma once

#include "slice.h"
#include "status.h"
#include "writer.h"

/* Numbers as in the batch's attributes; text as in compression.type. */
#define CODEC_MAP(X)                                                                                                   \
    X(NONE, "none")                                                                                                    \
    X(GZIP, "gzip")                                                                                                    \
    X(SNAPPY, "snappy")                                                                                                \
    X(LZ4, "lz4")                                                                                                      \
    X(ZSTD, "zstd")

enum codec {
#define X(name, text) CODEC_##name,
    CODEC_MAP(X)
#undef X
        CODECS
};

/* RFC 8878 asks every decoder for 8 MiB; Kafka's default level needs 2 MiB, levels up to 19 need 8 MiB. */
#define CODEC_ZSTD_WINDOW_MAX ((size_t)8 << 20)

const char *codec_text(enum codec codec);
bool codec_parse(slice text, enum codec *codec);

/* Levels as Kafka's compression.<codec>.level has them: gzip 1..9 (or -1), lz4 1..17, zstd -131072..22; those codecs
 * without levels take any. The defaults are Kafka's: gzip -1, lz4 9 (the fast compressor), zstd 3. */
int codec_default_level(enum codec codec);
bool codec_level_valid(enum codec codec, int level);

/* Appends the compressed bytes. -ENOMEM when the ledger refuses or the writer's limit is met; the writer may then hold
 * a part (writer_cut). zstd asks the writer for the worst case at once: the input's size and a 256th. */
MUST_USE int codec_compress(enum codec codec, slice input, int level, writer *w, struct error *error);

/* Appends what `input` holds, at most `limit` bytes.
 * Errors: FURROW_TOO_LARGE, FURROW_CORRUPT (also when the input ends early or something follows it), FURROW_UNSUPPORTED
 * (a codec number beyond the list, a zstd dictionary or window beyond the bound), -ENOMEM. */
MUST_USE int codec_decompress(enum codec codec, slice input, size_t limit, writer *w, struct error *error);

struct codec_ops;

struct decompressor {
    const struct codec_ops *ops;
    struct memory *memory;
    slice input;
    size_t position; /* input bytes consumed */
    size_t limit;    /* of produced */
    size_t produced; /* bytes handed out */
    bool ended;
    void *state; /* the codec's own */
};

/* Errors as codec_decompress. After a failure there is nothing to close. */
MUST_USE int decompressor_open(struct decompressor *d, enum codec codec, slice input, size_t limit,
                               struct memory *memory, struct error *error);

/* Up to `size` bytes; *got is less than `size` only at the end. */
MUST_USE int decompressor_read(struct decompressor *d, void *to, size_t size, size_t *got, struct error *error);

void decompressor_close(struct decompressor *d);
