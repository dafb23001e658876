/* Record batches made by Furrow for Kafka's classes to read, and the reverse: see tests/oracle/run.
 *
 *     oracle_batches write FILE SEED     random batches to FILE, and what they hold as text
 *     oracle_batches read FILE           what the batches of FILE hold, as the same text
 *
 * Text: a line for each batch and each record; bytes as SIZE:CRC-32C, or null. */
#include "batch_builder.h"
#include "batch_iterator.h"
#include "batch_validate.h"
#include "crc32c.h"
#include "sample.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCHES   200
#define FILE_MAX  ((size_t)64 << 20)
#define VALUE_MAX ((size_t)100000)

static struct memory memory;

static void fail(const char *what, const struct error *error)
{
    fprintf(stderr, "oracle_batches: %s: %s\n", what, error->message);
    exit(2);
}

static void print_bytes(slice bytes)
{
    if (slice_is_null(bytes))
        printf(" null");
    else
        printf(" %zu:%08" PRIx32, bytes.size, crc32c(0, bytes.data, bytes.size));
}

static void print_record(const struct record *record)
{
    printf("record %" PRId64 " %" PRId64, record->offset, record->timestamp);
    print_bytes(record->key);
    print_bytes(record->value);
    reader headers = reader_of(record->headers);
    struct record_header header;
    while (record_next_header(&headers, &header)) {
        print_bytes(header.key);
        print_bytes(header.value);
    }
    printf("\n");
}

static void print_batch(slice batch)
{
    struct batch_rules rules = {
        .max_bytes = FILE_MAX, .open_compressed = true, .max_uncompressed = FILE_MAX, .memory = &memory};
    struct batch_report report;
    struct batch_iterator it;
    struct record record;
    struct error error = {0};
    if (batch_validate(batch, &rules, &report, &error) != 0)
        fail("a batch is not valid", &error);
    const struct batch_header *h = &report.header;
    printf("batch %" PRId64 " %" PRId64 " %s %" PRId64 " %d %" PRId32 " %d %" PRId64 " %" PRId32 "\n", h->base_offset,
           batch_last_offset(h), codec_text(batch_codec(h)), h->producer_id, h->producer_epoch, h->base_sequence,
           batch_is_transactional(h), h->max_timestamp, h->count);
    if (batch_iterator_open(&it, batch, &memory, FILE_MAX, &error) != 0)
        fail("a batch cannot be opened", &error);
    int rc;
    while ((rc = batch_iterator_next(&it, &record, &error)) == 1)
        print_record(&record);
    if (rc != 0)
        fail("a record cannot be read", &error);
    batch_iterator_close(&it);
}

/* A part of `bytes`, up to `most` long and mostly much shorter; null now and then. */
static slice some_bytes(uint32_t *state, const uint8_t *bytes, size_t most)
{
    uint32_t choice = sample_next(state) % 20;
    size_t size = sample_next(state) % (choice == 1 ? most : most / 50 + 1);
    return choice == 0 ? NULL_SLICE : slice_of(bytes + sample_next(state) % (VALUE_MAX - size), size);
}

static void add_record(struct batch_builder *builder, uint32_t *state, const uint8_t *bytes)
{
    struct record_header headers[4];
    size_t count = sample_next(state) % 5 == 0 ? sample_next(state) % 5 : 0;
    for (size_t i = 0; i < count; i++) {
        headers[i].key = slice_of_text(i % 2 == 0 ? "trace-id" : "");
        headers[i].value = some_bytes(state, bytes, 500);
    }
    int64_t timestamp = INT64_C(1700000000000) + sample_next(state) % 100000;
    slice key = some_bytes(state, bytes, 1000);
    batch_builder_add_with_headers(builder, timestamp, key, some_bytes(state, bytes, VALUE_MAX), headers, count);
}

static void write_batch(writer *w, uint32_t *state)
{
    static uint8_t bytes[VALUE_MAX];
    sample_fill((enum sample_kind)(sample_next(state) % SAMPLE_KINDS), *state, bytes, sizeof bytes);
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    options.codec = (enum codec)(sample_next(state) % CODECS);
    options.level = codec_default_level(options.codec);
    options.base_offset = sample_next(state);
    if (sample_next(state) % 2 == 0) {
        options.producer_id = sample_next(state);
        options.producer_epoch = (int16_t)(sample_next(state) % 100);
        options.base_sequence = (int32_t)sample_next(state);
        options.attributes = BATCH_TRANSACTIONAL;
    }
    size_t start = w->size;
    struct batch_builder builder;
    batch_builder_open(&builder, w, &options);
    for (uint32_t count = 1 + sample_next(state) % 100; count > 0; count--)
        add_record(&builder, state, bytes);
    struct error error = {0};
    if (batch_builder_close(&builder, &error) != 0)
        fail("a batch cannot be built", &error);
    print_batch(slice_of(w->data + start, w->size - start));
}

static int write_file(FILE *file, uint32_t seed)
{
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, FILE_MAX);
    for (int i = 0; i < BATCHES; i++)
        write_batch(&w, &seed);
    size_t written = fwrite(w.data, 1, w.size, file);
    int status = written == w.size ? 0 : 2;
    writer_close(&w);
    return status;
}

static int read_file(FILE *file)
{
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, FILE_MAX);
    uint8_t chunk[65536];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, file)) != 0)
        write_bytes(&w, slice_of(chunk, got));
    slice rest = writer_slice(&w), batch;
    struct batch_header header;
    struct error error = {0};
    int rc;
    while ((rc = batch_next(&rest, &header, &batch, &error)) == 1)
        print_batch(batch);
    if (rc != 0 || rest.size != 0)
        fail("the file does not end with a batch", &error);
    writer_close(&w);
    return 0;
}

int main(int argc, char **argv)
{
    memory_init(&memory);
    bool writes = argc == 4 && strcmp(argv[1], "write") == 0;
    if (!writes && (argc != 3 || strcmp(argv[1], "read") != 0)) {
        fprintf(stderr, "usage: oracle_batches write FILE SEED | read FILE\n");
        return 2;
    }
    FILE *file = fopen(argv[2], writes ? "wb" : "rb");
    if (file == NULL) {
        perror(argv[2]);
        return 2;
    }
    int status = writes ? write_file(file, (uint32_t)strtoul(argv[3], NULL, 10)) : read_file(file);
    return fclose(file) == 0 ? status : 2;
}
