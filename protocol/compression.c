#include "compression.h"

#include "codec_ops.h"

#include <stdalign.h>

static int read_plain(struct decompressor *d, uint8_t *to, size_t size, size_t *got, struct error *error)
{
    (void)error;
    slice input = codec_input(d);
    *got = input.size < size ? input.size : size;
    if (*got != 0)
        memcpy(to, input.data, *got);
    d->position += *got;
    return 0;
}

static int compress_plain(slice input, int level, writer *w, struct error *error)
{
    (void)level;
    write_bytes(w, input);
    return writer_ok(w) ? 0 : codec_out_of_memory(error, "none");
}

static const struct codec_ops plain_ops = {.read = read_plain, .compress = compress_plain};

static const struct codec_ops *const all_ops[CODECS] = {
    [CODEC_NONE] = &plain_ops, [CODEC_GZIP] = &gzip_ops, [CODEC_SNAPPY] = &snappy_ops,
    [CODEC_LZ4] = &lz4_ops,    [CODEC_ZSTD] = &zstd_ops,
};

const char *codec_text(enum codec codec)
{
    static const char *const texts[] = {
#define X(name, text) text,
        CODEC_MAP(X)
#undef X
    };
    return codec < CODECS ? texts[codec] : "unknown";
}

bool codec_parse(slice text, enum codec *codec)
{
    for (unsigned i = 0; i < CODECS; i++) {
        if (slice_equal(text, slice_of_text(codec_text((enum codec)i)))) {
            *codec = (enum codec)i;
            return true;
        }
    }
    return false;
}

int codec_default_level(enum codec codec)
{
    switch (codec) {
    case CODEC_GZIP:
        return -1;
    case CODEC_LZ4:
        return 9;
    case CODEC_ZSTD:
        return 3;
    default:
        return 0;
    }
}

bool codec_level_valid(enum codec codec, int level)
{
    switch (codec) {
    case CODEC_GZIP:
        return level == -1 || (level >= 1 && level <= 9);
    case CODEC_LZ4:
        return level >= 1 && level <= 17;
    case CODEC_ZSTD:
        return level >= -131072 && level <= 22;
    default:
        return true;
    }
}

/* In front of each block of a library; as long as the strictest alignment, so that the block keeps it. */
union block_size {
    size_t size;
    max_align_t alignment;
};

void *codec_alloc(void *memory, size_t size)
{
    if (size > SIZE_MAX - sizeof(union block_size))
        return NULL;
    union block_size *block = memory_alloc(memory, MEMORY_COMPRESSION, sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->size = sizeof *block + size;
    return block + 1;
}

void codec_free(void *memory, void *block)
{
    if (block == NULL)
        return;
    union block_size *start = (union block_size *)block - 1;
    memory_free(memory, MEMORY_COMPRESSION, start, start->size);
}

/* So that the codecs may do arithmetic on the pointer. */
static slice never_null(slice input)
{
    return slice_is_null(input) ? slice_of_text("") : input;
}

int codec_compress(enum codec codec, slice input, int level, writer *w, struct error *error)
{
    if (codec >= CODECS)
        return error_set(error, FURROW_UNSUPPORTED, "codec %d is unknown", codec);
    return all_ops[codec]->compress(never_null(input), level, w, error);
}

int decompressor_open(struct decompressor *d, enum codec codec, slice input, size_t limit, struct memory *memory,
                      struct error *error)
{
    *d = (struct decompressor){.memory = memory, .input = never_null(input), .limit = limit};
    if (codec >= CODECS) {
        error_set(error, FURROW_UNSUPPORTED, "codec %d is unknown", codec);
        return FURROW_UNSUPPORTED;
    }
    d->ops = all_ops[codec];
    return d->ops->open != NULL ? d->ops->open(d, error) : 0;
}

/* At the limit: whatever still comes is too much. */
static int check_end(struct decompressor *d, struct error *error)
{
    uint8_t beyond;
    size_t got = 0;
    int rc = d->ops->read(d, &beyond, 1, &got, error);
    if (rc == 0 && got != 0)
        rc = error_set(error, FURROW_TOO_LARGE, "more than %zu bytes when decompressed", d->limit);
    d->ended = true;
    return rc;
}

int decompressor_read(struct decompressor *d, void *to, size_t size, size_t *got, struct error *error)
{
    *got = 0;
    size_t left = d->limit - d->produced;
    size_t step = size < left ? size : left;
    if (!d->ended && step != 0) {
        int rc = d->ops->read(d, to, step, got, error);
        if (rc != 0)
            return rc;
        d->produced += *got;
        d->ended = *got < step;
    }
    if (!d->ended && *got < size)
        return check_end(d, error);
    return 0;
}

void decompressor_close(struct decompressor *d)
{
    if (d->ops != NULL && d->ops->close != NULL)
        d->ops->close(d);
    d->ops = NULL;
}

static int read_all(struct decompressor *d, writer *w, struct error *error)
{
    while (!d->ended) {
        size_t left = d->limit - d->produced, step = left < CODEC_STEP ? left : CODEC_STEP;
        if (step == 0)
            return check_end(d, error);
        uint8_t *to = writer_extend(w, step);
        if (to == NULL)
            return error_set_status(error, -ENOMEM, "decompressing");
        size_t got = 0;
        int rc = decompressor_read(d, to, step, &got, error);
        writer_cut(w, w->size - step + got);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int codec_decompress(enum codec codec, slice input, size_t limit, writer *w, struct error *error)
{
    struct decompressor d;
    int rc = decompressor_open(&d, codec, input, limit, w->memory, error);
    if (rc != 0)
        return rc;
    rc = read_all(&d, w, error);
    decompressor_close(&d);
    return rc;
}
