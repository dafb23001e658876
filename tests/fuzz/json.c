/* Any bytes as JSON: a text that is one is the same without its blanks, and a stream is cut into the same texts
 * wherever its parts end. The first byte chooses the form and the places. */
#include "json.h"
#include "json_read.h"
#include "json_stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What the values say, without where they stand: kind, count, span, number or unescaped string. */
static void say(writer *w, const struct json_document *document, struct arena *arena)
{
    for (uint32_t i = 0; i < document->count; i++) {
        const struct json_value *value = &document->values[i];
        require(value->span >= 1 && value->span <= document->count - i);
        write_u8(w, value->kind);
        write_u32(w, value->count);
        write_u32(w, value->span);
        if (value->kind == JSON_NUMBER)
            write_nullable_bytes(w, json_value_raw(value));
        slice text = json_value_string(value, arena);
        require(value->kind != JSON_STRING || json_value_equal(value, text));
        write_nullable_bytes(w, text);
        int64_t whole = 0;
        uint64_t wide = 0;
        double number = 0;
        bool fits = json_value_int64(value, &whole) && json_value_uint64(value, &wide);
        require(!fits || (uint64_t)whole == wide);
        require(!fits || json_value_double(value, &number));
    }
}

static void check_text(slice text)
{
    struct memory memory;
    struct json_document document;
    struct arena arena;
    writer compact, first, second;
    memory_init(&memory);
    json_document_init(&document, &memory, MEMORY_REQUESTS, (struct json_limits){.depth = 20, .values = 10000});
    arena_init(&arena, &memory, MEMORY_REQUESTS, (size_t)1 << 22);
    writer_init(&compact, &memory, MEMORY_REQUESTS, (size_t)1 << 22);
    writer_init(&first, &memory, MEMORY_REQUESTS, (size_t)1 << 24);
    writer_init(&second, &memory, MEMORY_REQUESTS, (size_t)1 << 24);
    if (json_parse(&document, text, NULL) == 0) {
        struct json json = json_to(&compact);
        say(&first, &document, &arena);
        json_raw(&json, text);
        require(json_parse(&document, writer_slice(&compact), NULL) == 0);
        say(&second, &document, &arena);
        require(slice_equal(writer_slice(&first), writer_slice(&second)));
        for (uint32_t i = 0; i < document.count; i++)
            (void)json_value_member(&document.values[i], "a");
    }
    writer_close(&second);
    writer_close(&first);
    writer_close(&compact);
    arena_close(&arena);
    json_document_close(&document);
    require(memory_total_bytes(&memory) == 0);
}

static void cut_up(writer *texts, slice bytes, size_t step, enum json_stream_form form)
{
    struct memory memory;
    struct json_stream stream;
    slice text;
    memory_init(&memory);
    json_stream_init(&stream, &memory, MEMORY_REQUESTS, (size_t)1 << 22, form);
    for (size_t at = 0; at < bytes.size; at += step) {
        slice part = slice_of(bytes.data + at, bytes.size - at < step ? bytes.size - at : step);
        while (json_stream_next(&stream, &part, &text, NULL) > 0)
            write_nullable_bytes(texts, text);
        require(part.size == 0);
    }
    if (json_stream_end(&stream, &text) > 0)
        write_nullable_bytes(texts, text);
    json_stream_close(&stream);
    require(memory_total_bytes(&memory) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 100000)
        return 0;
    slice bytes = slice_of(data + 1, size - 1);
    enum json_stream_form form = data[0] & 1 ? JSON_LINES : JSON_VALUES;
    check_text(bytes);
    struct memory memory;
    writer whole, parts;
    memory_init(&memory);
    writer_init(&whole, &memory, MEMORY_REQUESTS, (size_t)1 << 22);
    writer_init(&parts, &memory, MEMORY_REQUESTS, (size_t)1 << 22);
    cut_up(&whole, bytes, size, form);
    cut_up(&parts, bytes, 1 + data[0] / 2, form);
    require(slice_equal(writer_slice(&whole), writer_slice(&parts)));
    writer_close(&parts);
    writer_close(&whole);
    return 0;
}
