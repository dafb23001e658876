/* A partition's segment files, written without a server: keys at random, values like nothing in particular. Only .log
 * files are made; who opens the folder as after a crash makes the indexes. */
#include "compact.h"

#include "batch_builder.h"
#include "crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RECORDS_OF_A_BATCH 100
#define FIRST_TIME         1700000000000 /* ms */

struct filling {
    const struct compact_options *options;
    struct memory memory;
    uint64_t state; /* of the random numbers */
    int file;
    uint64_t file_size;
    int64_t offset;
    uint8_t *noise; /* what values are parts of */
};

static uint64_t next_random(struct filling *f)
{
    f->state ^= f->state << 13; /* xorshift64 */
    f->state ^= f->state >> 7;
    f->state ^= f->state << 17;
    return f->state;
}

static void begin_segment(struct filling *f)
{
    char path[4096];
    if (f->file >= 0 && close(f->file) != 0)
        compact_fail("close", strerror(errno));
    snprintf(path, sizeof path, "%s/%020lld.log", f->options->folder, (long long)f->offset);
    f->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    f->file_size = 0;
    if (f->file < 0)
        compact_fail(path, strerror(errno));
}

static void add_record(struct filling *f, struct batch_builder *builder)
{
    char key[24];
    int size = snprintf(key, sizeof key, "key-%llu", (unsigned long long)(next_random(f) % f->options->keys));
    const uint8_t *value = f->noise + next_random(f) % f->options->value_size;
    batch_builder_add(builder, FIRST_TIME + f->offset / RECORDS_OF_A_BATCH, slice_of(key, (size_t)size),
                      slice_of(value, f->options->value_size));
}

static void write_batch(struct filling *f, uint64_t records)
{
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    struct batch_builder builder;
    writer w;
    options.codec = f->options->codec;
    options.level = codec_default_level(options.codec);
    options.base_offset = f->offset;
    options.leader_epoch = 0;
    writer_init(&w, &f->memory, MEMORY_REQUESTS, SIZE_MAX);
    batch_builder_open(&builder, &w, &options);
    for (uint64_t i = 0; i < records; i++)
        add_record(f, &builder);
    if (batch_builder_close(&builder, NULL) != 0)
        compact_fail("batch", "out of memory");
    if (f->file < 0 || f->file_size + w.size > f->options->segment_bytes)
        begin_segment(f);
    if (write(f->file, w.data, w.size) != (ssize_t)w.size)
        compact_fail("write", strerror(errno));
    f->file_size += w.size;
    f->offset += (int64_t)records;
    writer_close(&w);
}

void compact_fill(const struct compact_options *options)
{
    struct filling f = {.options = options, .state = 88172645463325252U, .file = -1};
    memory_init(&f.memory);
    f.noise = malloc((size_t)2 * options->value_size);
    if (f.noise == NULL)
        compact_fail("start", "out of memory");
    for (size_t i = 0; i < (size_t)2 * options->value_size; i++)
        f.noise[i] = (uint8_t)next_random(&f);
    for (uint64_t left = options->records; left != 0;) {
        uint64_t records = left < RECORDS_OF_A_BATCH ? left : RECORDS_OF_A_BATCH;
        write_batch(&f, records);
        left -= records;
    }
    begin_segment(&f); /* the one that is written to is never compacted */
    if (close(f.file) != 0)
        compact_fail("close", strerror(errno));
    free(f.noise);
}
