/* A pass over bytes that are taken for a part of a log: whatever they are, it ends; what it made is whole, and whoever
 * goes on behind a block gets what comes behind it. The last two bytes choose the form, too. */
#include "rest/record_pass.h"
#include "container.h"
#include "json_read.h"
#include "rest/record_ids.h"

#include <stdlib.h>

struct fuzz_file {
    struct file file;
    const uint8_t *data;
    size_t size;
};

static int read_bytes_of(struct file *file, void *to, size_t size, uint64_t position, size_t *got)
{
    const struct fuzz_file *f = CONTAINER_OF(file, struct fuzz_file, file);
    size_t left = position < f->size ? f->size - (size_t)position : 0;
    *got = size < left ? size : left;
    if (*got != 0)
        memcpy(to, f->data + position, *got);
    return 0;
}

static const struct file_ops ops = {.read = read_bytes_of};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static bool take_id(void *context, slice topic, int32_t partition, int64_t offset)
{
    (void)topic;
    (void)partition;
    int64_t *last = context;
    *last = offset;
    return true;
}

/* Lines of JSON; ids that say where the reader stands. */
static void check_line(slice line, bool is_id, const struct record_pass *pass)
{
    struct json_document document;
    struct arena arena;
    int64_t last = -2;
    json_document_init(&document, pass->memory, MEMORY_REQUESTS,
                       (struct json_limits){.depth = JSON_DEPTH_MAX, .values = 200000});
    arena_init(&arena, pass->memory, MEMORY_REQUESTS, 1 << 16);
    if (is_id)
        need(record_ids_read(line, &document, &arena, take_id, &last) && last >= -1);
    else
        need(json_parse(&document, line, NULL) == 0);
    arena_close(&arena);
    json_document_close(&document);
}

static void check_lines(const struct record_pass *pass)
{
    slice left = writer_slice(&pass->bytes);
    while (left.size != 0) {
        const uint8_t *end = memchr(left.data, '\n', left.size);
        need(end != NULL);
        slice line = slice_of(left.data, (size_t)(end - left.data));
        bool is_id = line.size > 4 && memcmp(line.data, "id: ", 4) == 0;
        bool is_data = line.size > 6 && memcmp(line.data, "data: ", 6) == 0;
        size_t skipped = is_id ? 4 : is_data ? 6 : 0;
        if (line.size != 0)
            check_line(slice_of(line.data + skipped, line.size - skipped), is_id, pass);
        left = slice_of(end + 1, left.size - line.size - 1);
    }
}

static void check_blocks(const struct record_pass *pass)
{
    size_t end = 0;
    int64_t position = pass->positions[0];
    for (int32_t i = 0; i < pass->block_count; i++) {
        const struct record_block *block = &pass->blocks[i];
        need(block->end >= end && block->end <= pass->bytes.size && block->positions[0] >= position);
        need(block->records != 0 || block->end == end);
        end = block->end;
        position = block->positions[0];
    }
}

/* From the positions behind the first block the rest comes again, byte for byte. */
static void check_rest(const struct record_pass *pass)
{
    if (pass->block_count == 0)
        return;
    const struct record_block *first = &pass->blocks[0];
    struct record_pass rest = {
        .memory = pass->memory,
        .wish = pass->wish,
        .ranges = pass->ranges,
        .range_count = pass->range_count,
        .positions = first->positions,
        .block_bytes = pass->block_bytes,
        .max_bytes = pass->max_bytes,
        .max_records = pass->max_records,
    };
    record_pass_run(&rest);
    size_t expected = pass->bytes.size - first->end;
    need(rest.bytes.size >= expected);
    need(expected == 0 || memcmp(rest.bytes.data, pass->bytes.data + first->end, expected) == 0);
    record_pass_close(&rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct record_part part = {{(const uint8_t *)"t", 1}, 0};
    static const int64_t position = 0;
    if (size < 2)
        return 0;
    struct memory memory;
    memory_init(&memory);
    struct fuzz_file file = {.file = {.ops = &ops}, .data = data, .size = size};
    struct record_wish wish = {
        .output = (data[size - 1] & 1) != 0 ? RECORD_EVENTS : RECORD_LINES,
        .format = (enum record_format)(data[size - 2] % RECORD_FORMATS),
        .filter = RECORD_FILTER_NONE,
        .parts = &part,
        .part_count = 1,
    };
    struct record_range range = {.file = &file.file, .bytes = (uint32_t)size};
    struct record_pass pass = {
        .memory = &memory,
        .wish = &wish,
        .ranges = &range,
        .range_count = 1,
        .positions = &position,
        .block_bytes = 100,
        .max_bytes = 1 << 20,
        .max_records = INT32_MAX,
    };
    record_pass_run(&pass);
    check_blocks(&pass);
    if (pass.status == 0) {
        check_lines(&pass);
        check_rest(&pass);
    }
    record_pass_close(&pass);
    need(memory_total_bytes(&memory) == 0);
    return 0;
}
