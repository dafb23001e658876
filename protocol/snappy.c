#include "codec_ops.h"
#include "reader.h"
#include "snappy_block.h"

/* The framing of Java's client (xerial/snappy-java, SnappyOutputStream): this magic, two version numbers (i32), then
 * blocks, each with its compressed length (i32) in front. Streams may follow one another, header and all. */
static const uint8_t magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
#define FRAME_HEADER_SIZE ((size_t)16)
#define FRAME_VERSION     1
#define FRAME_BLOCK_SIZE  ((size_t)32 << 10)

struct snappy_state {
    bool framed;
    uint8_t *block; /* uncompressed */
    size_t capacity;
    size_t size;
    size_t position; /* handed out so far */
};

static bool starts_frame(slice input)
{
    return input.size >= FRAME_HEADER_SIZE && memcmp(input.data, magic, sizeof magic) == 0;
}

static int snappy_open(struct decompressor *d, struct error *error)
{
    struct snappy_state *state = memory_alloc_zeroed(d->memory, MEMORY_COMPRESSION, sizeof *state);
    if (state == NULL)
        return codec_out_of_memory(error, "snappy");
    state->framed = starts_frame(d->input);
    d->state = state;
    return 0;
}

/* The next compressed block: 1, or 0 at the end. */
static int next_block(struct decompressor *d, slice *block, struct error *error)
{
    const struct snappy_state *state = d->state;
    if (!state->framed) {
        *block = codec_input(d);
        bool first = d->position == 0;
        d->position = d->input.size;
        return first;
    }
    while (starts_frame(codec_input(d)))
        d->position += FRAME_HEADER_SIZE;
    reader r = reader_of(codec_input(d));
    if (reader_left(&r) == 0)
        return 0;
    *block = read_nullable_bytes(&r);
    if (!reader_ok(&r) || slice_is_null(*block))
        return codec_corrupt(error, "snappy", "the data ends early");
    d->position += r.position;
    return 1;
}

static int make_room(struct decompressor *d, size_t size)
{
    struct snappy_state *state = d->state;
    if (size <= state->capacity)
        return 0;
    uint8_t *block = memory_realloc(d->memory, MEMORY_COMPRESSION, state->block, state->capacity, size);
    if (block == NULL)
        return -ENOMEM;
    state->block = block;
    state->capacity = size;
    return 0;
}

static int open_block(struct decompressor *d, slice block, size_t limit, struct error *error)
{
    struct snappy_state *state = d->state;
    size_t size;
    if (!snappy_block_size(block, &size))
        return codec_corrupt(error, "snappy", "the length of a block is wrong");
    if (size > limit)
        return error_set(error, FURROW_TOO_LARGE, "more than %zu bytes when decompressed", d->limit);
    if (make_room(d, size) != 0)
        return codec_out_of_memory(error, "snappy");
    if (size != 0 && !snappy_block_decompress(block, state->block, size))
        return codec_corrupt(error, "snappy", "a block is corrupt");
    state->size = size;
    state->position = 0;
    return 0;
}

static int snappy_read(struct decompressor *d, uint8_t *to, size_t size, size_t *got, struct error *error)
{
    struct snappy_state *state = d->state;
    *got = 0;
    while (*got < size) {
        size_t left = state->size - state->position;
        if (left == 0) {
            slice block;
            int rc = next_block(d, &block, error);
            if (rc == 1)
                rc = open_block(d, block, d->limit - d->produced - *got, error);
            else
                return rc;
            if (rc != 0)
                return rc;
            continue;
        }
        size_t step = left < size - *got ? left : size - *got;
        memcpy(to + *got, state->block + state->position, step);
        state->position += step;
        *got += step;
    }
    return 0;
}

static void snappy_close(struct decompressor *d)
{
    struct snappy_state *state = d->state;
    memory_free(d->memory, MEMORY_COMPRESSION, state->block, state->capacity);
    memory_free(d->memory, MEMORY_COMPRESSION, state, sizeof *state);
}

static void add_block(slice input, uint16_t *table, writer *w)
{
    size_t length = write_reserved_u32(w), room = snappy_block_bound(input.size);
    uint8_t *to = writer_extend(w, room);
    if (to == NULL)
        return;
    size_t used = snappy_block_compress(input, to, table);
    writer_cut(w, w->size - room + used);
    writer_set_u32(w, length, (uint32_t)used);
}

static int snappy_compress(slice input, int level, writer *w, struct error *error)
{
    (void)level;
    size_t table_size = SNAPPY_TABLE_ENTRIES * sizeof(uint16_t);
    uint16_t *table = memory_alloc(w->memory, MEMORY_COMPRESSION, table_size);
    if (table == NULL)
        return codec_out_of_memory(error, "snappy");
    write_bytes(w, slice_of(magic, sizeof magic));
    write_i32(w, FRAME_VERSION);
    write_i32(w, FRAME_VERSION);
    for (size_t i = 0; i < input.size; i += FRAME_BLOCK_SIZE) {
        size_t left = input.size - i;
        add_block(slice_of(input.data + i, left < FRAME_BLOCK_SIZE ? left : FRAME_BLOCK_SIZE), table, w);
    }
    memory_free(w->memory, MEMORY_COMPRESSION, table, table_size);
    return writer_ok(w) ? 0 : codec_out_of_memory(error, "snappy");
}

const struct codec_ops snappy_ops = {snappy_open, snappy_read, snappy_close, snappy_compress};
