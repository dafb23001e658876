/* Any text as a record in each dialect that REST takes; one that is a record comes in again as it was after it was
 * written in the form of a line. So does a record made of any bytes. The first byte chooses the dialect, and from where
 * the bytes of a record are taken. */
#include "batch_builder.h"
#include "batch_iterator.h"
#include "json_read.h"
#include "rest/record_form.h"
#include "rest/record_parse.h"
#include "utf8.h"

#include <stdlib.h>

#define TOPIC  "space:topic"
#define WRITER ((size_t)1 << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct world {
    struct memory memory;
    struct json_document document;
    struct arena first, second;
};

static bool same(slice a, slice b)
{
    return slice_is_null(a) == slice_is_null(b) && slice_equal(a, b);
}

/* The batch's record as a line. */
static void write_line(slice batch, enum record_format format, writer *line)
{
    struct batch_iterator it;
    struct record record;
    struct record_form form;
    require(batch_iterator_open(&it, batch, NULL, WRITER, NULL) == 0);
    require(batch_iterator_next(&it, &record, NULL) == 1);
    record_form_init(&form, format, NULL, slice_of_text(TOPIC), 7);
    record_form_write(&form, &record, line);
    batch_iterator_close(&it);
    require(writer_ok(line));
}

static void check_again(struct world *world, slice line, const struct parsed_record *record)
{
    struct parsed_record again;
    require(json_parse(&world->document, line, NULL) == 0);
    require(record_parse(world->document.values, RECORD_OF_LINE, &world->second, &again, NULL) == 0);
    require(again.partition == 7);
    require(again.has_timestamp && again.timestamp == record->timestamp);
    require(same(again.key, record->key) && same(again.value, record->value));
    require(again.header_count == record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        require(same(again.headers[i].key, record->headers[i].key));
        require(same(again.headers[i].value, record->headers[i].value));
    }
}

/* Names of headers are text in JSON. */
static bool has_text_names(const struct parsed_record *record)
{
    for (size_t i = 0; i < record->header_count; i++)
        if (!utf8_is_valid(record->headers[i].key))
            return false;
    return true;
}

static void check_round_trip(struct world *world, const struct parsed_record *record)
{
    for (enum record_format format = RECORD_FORMAT_AUTO; format <= RECORD_FORMAT_BINARY; format++) {
        struct batch_builder builder;
        writer batch, line;
        writer_init(&batch, &world->memory, MEMORY_REQUESTS, WRITER);
        writer_init(&line, &world->memory, MEMORY_REQUESTS, WRITER);
        batch_builder_open(&builder, &batch, &BATCH_OPTIONS_PLAIN);
        batch_builder_add_with_headers(&builder, record->timestamp, record->key, record->value, record->headers,
                                       record->header_count);
        require(batch_builder_close(&builder, NULL) == 0);
        write_line(writer_slice(&batch), format, &line);
        if (has_text_names(record))
            check_again(world, writer_slice(&line), record);
        writer_close(&batch);
        writer_close(&line);
    }
}

static void check_text(struct world *world, enum record_dialect dialect, slice text)
{
    struct parsed_record record;
    struct error error;
    if (json_parse(&world->document, text, NULL) != 0)
        return;
    (void)record_is_mark(world->document.values);
    int rc = record_parse(world->document.values, dialect, &world->first, &record, &error);
    require(rc == 0 || (rc >= 400 && error.message[0] != '\0'));
    if (rc != 0)
        return;
    record.timestamp = record.has_timestamp ? record.timestamp : -1;
    check_round_trip(world, &record);
}

/* A slice off the front, its length and whether it is null said by the first byte. */
static slice take(slice *bytes)
{
    if (bytes->size == 0)
        return NULL_SLICE;
    size_t size = bytes->data[0] >> 1;
    bool is_null = (bytes->data[0] & 1) != 0;
    size = size < bytes->size - 1 ? size : bytes->size - 1;
    slice taken = slice_of(bytes->data + 1, size);
    *bytes = slice_of(taken.data + size, bytes->size - 1 - size);
    return is_null ? NULL_SLICE : taken;
}

static void check_bytes(struct world *world, slice bytes)
{
    struct record_header headers[3];
    struct parsed_record record = {.headers = headers, .timestamp = (int64_t)bytes.size * 1000000007};
    record.key = take(&bytes);
    record.value = take(&bytes);
    while (bytes.size != 0 && record.header_count < 3) {
        struct record_header *header = &headers[record.header_count++];
        header->key = take(&bytes);
        if (slice_is_null(header->key))
            header->key = slice_of_text("");
        header->value = take(&bytes);
    }
    check_round_trip(world, &record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world;
    if (size == 0)
        return 0;
    memory_init(&world.memory);
    json_document_init(&world.document, &world.memory, MEMORY_REQUESTS,
                       (struct json_limits){.depth = JSON_DEPTH_MAX, .values = 10000});
    arena_init(&world.first, &world.memory, MEMORY_REQUESTS, WRITER);
    arena_init(&world.second, &world.memory, MEMORY_REQUESTS, WRITER);
    slice text = slice_of(data + 1, size - 1);
    if (data[0] % 6 <= RECORD_OF_LINE)
        check_text(&world, (enum record_dialect)(data[0] % 6), text);
    else
        check_bytes(&world, text);
    arena_close(&world.first);
    arena_close(&world.second);
    json_document_close(&world.document);
    require(memory_total_bytes(&world.memory) == 0);
    return 0;
}
