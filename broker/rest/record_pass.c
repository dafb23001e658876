#include "rest/record_pass.h"

#include "batch_iterator.h"
#include "http/sse.h"
#include "http/websocket.h"
#include "rest/record_ids.h"

#include <errno.h>

/* What a pass on the loop may read. */
#define LIGHT_BYTES ((uint32_t)16 << 10)
/* One record as JSON, and what is beside it. */
#define RECORD_MAX       ((size_t)512 << 20)
#define MAX_UNCOMPRESSED ((size_t)1 << 30) /* of one batch; it is walked in a window */
/* Each event says all positions while they are few; else a block's last one does. */
#define PARTS_IN_EACH_ID 8
#define JSON_VALUES_MAX  100000 /* of a value that is told as JSON */

/* ---- transactions ---- */

/* A producer's records from first_offset to its marker do not count. */
struct aborted_walk {
    struct memory *memory;
    const struct log_aborted *list;
    uint32_t count;
    bool *passed; /* of each: its marker came */
};

static int open_walk(struct aborted_walk *walk, const struct record_range *range, struct memory *memory)
{
    *walk = (struct aborted_walk){.memory = memory, .list = range->aborted, .count = range->aborted_count};
    if (walk->count == 0)
        return 0;
    walk->passed = memory_alloc_zeroed(memory, MEMORY_RESPONSES, walk->count * sizeof *walk->passed);
    return walk->passed != NULL ? 0 : -ENOMEM;
}

static void close_walk(struct aborted_walk *walk)
{
    memory_free(walk->memory, MEMORY_RESPONSES, walk->passed, walk->count * sizeof *walk->passed);
}

static bool concerns(const struct aborted_walk *walk, uint32_t i, const struct batch_header *header)
{
    return !walk->passed[i] && walk->list[i].producer_id == header->producer_id &&
           walk->list[i].first_offset <= header->base_offset;
}

static bool is_aborted(const struct aborted_walk *walk, const struct batch_header *header)
{
    bool found = false;
    for (uint32_t i = 0; batch_is_transactional(header) && i < walk->count && !found; i++)
        found = concerns(walk, i, header);
    return found;
}

/* Whatever it says: it ends what its producer has begun. */
static void take_marker(const struct aborted_walk *walk, const struct batch_header *header)
{
    for (uint32_t i = 0; i < walk->count; i++) {
        if (concerns(walk, i, header))
            walk->passed[i] = true;
    }
}

/* ---- blocks ---- */

static struct record_block *open_block(struct record_pass *pass)
{
    if (pass->block_count == pass->block_room) {
        int32_t room = pass->block_room != 0 ? 2 * pass->block_room : 4;
        struct record_block *blocks =
            memory_realloc(pass->memory, MEMORY_RESPONSES, pass->blocks, (size_t)pass->block_room * sizeof *blocks,
                           (size_t)room * sizeof *blocks);
        if (blocks == NULL)
            return NULL;
        pass->blocks = blocks;
        pass->block_room = room;
    }
    struct record_block *block = &pass->blocks[pass->block_count];
    *block = (struct record_block){.first_offset = -1};
    size_t size = (size_t)pass->wish->part_count * sizeof *block->positions;
    block->positions = memory_alloc(pass->memory, MEMORY_RESPONSES, size);
    return block->positions != NULL ? block : NULL;
}

static size_t block_begin(const struct record_pass *pass)
{
    return pass->block_count != 0 ? pass->blocks[pass->block_count - 1].end : 0;
}

/* What the block's records have in common stands here until it ends. */
struct block_sum {
    int32_t records;
    int64_t first_offset;
};

static void end_block(struct record_pass *pass, struct block_sum *sum)
{
    const struct record_wish *wish = pass->wish;
    if (wish->output == RECORD_EVENTS && wish->part_count > PARTS_IN_EACH_ID && sum->records != 0) {
        pass->scratch.size = 0;
        record_ids_write(wish->parts, wish->part_count, pass->at, &pass->scratch);
        sse_write_event(&pass->bytes, NULL_SLICE, writer_slice(&pass->scratch), NULL_SLICE);
    }
    struct record_block *block = writer_ok(&pass->bytes) && writer_ok(&pass->scratch) ? open_block(pass) : NULL;
    if (block == NULL) {
        pass->status = -ENOMEM;
        return;
    }
    block->end = pass->bytes.size;
    block->records = sum->records;
    block->first_offset = sum->first_offset;
    block->turn = pass->turn;
    memcpy(block->positions, pass->at, (size_t)wish->part_count * sizeof *pass->at);
    pass->block_count++;
    pass->is_moved = false;
    *sum = (struct block_sum){.first_offset = -1};
}

/* ---- a record ---- */

static void write_event(struct record_pass *pass, const struct record *record)
{
    const struct record_wish *wish = pass->wish;
    if (wish->part_count <= PARTS_IN_EACH_ID) {
        write_bytes(&pass->bytes, slice_of("id: ", 4));
        record_ids_write(wish->parts, wish->part_count, pass->at, &pass->bytes);
        write_u8(&pass->bytes, '\n');
    }
    write_bytes(&pass->bytes, slice_of("data: ", 6)); /* the record is one line */
    record_form_write(&pass->form, record, &pass->bytes);
    write_bytes(&pass->bytes, slice_of("\n\n", 2));
}

static void write_message(struct record_pass *pass, const struct record *record)
{
    pass->scratch.size = 0;
    record_form_write(&pass->form, record, &pass->scratch);
    websocket_write_frame(&pass->bytes, WEBSOCKET_TEXT, writer_slice(&pass->scratch));
}

static void write_place(struct record_pass *pass, const struct record *record)
{
    struct record_place place = {.offset = record->offset, .timestamp = record->timestamp, .part = pass->turn};
    if (pass->wish->hasher != NULL && !slice_is_null(record->key)) {
        place.key_hash = key_hash_first(pass->wish->hasher, record->key);
        place.key_tag = key_hash_polynomial(pass->wish->hasher, 0, record->key);
    }
    write_bytes(&pass->bytes, slice_of(&place, sizeof place));
}

static void write_record(struct record_pass *pass, const struct record *record, bool is_first)
{
    switch (pass->wish->output) {
    case RECORD_ITEMS:
        if (!is_first)
            write_u8(&pass->bytes, ',');
        record_form_write(&pass->form, record, &pass->bytes);
        break;
    case RECORD_LINES:
        record_form_write(&pass->form, record, &pass->bytes);
        write_u8(&pass->bytes, '\n');
        break;
    case RECORD_EVENTS:
        write_event(pass, record);
        break;
    case RECORD_MESSAGES:
        write_message(pass, record);
        break;
    case RECORD_PLACES:
        write_place(pass, record);
        break;
    }
}

/* The next offset at or behind `offset` that is wanted. */
static int64_t next_kept(const struct record_pass *pass, int64_t offset)
{
    const struct record_kept *kept = pass->wish->kept != NULL ? &pass->wish->kept[pass->turn] : NULL;
    if (kept == NULL || offset >= kept->end)
        return offset;
    int32_t low = 0, high = kept->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (kept->offsets[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < kept->count ? kept->offsets[low] : kept->end;
}

static enum record_verdict write_own(struct record_pass *pass, const struct record *record)
{
    const struct record_wish *wish = pass->wish;
    size_t before = pass->bytes.size;
    enum record_verdict verdict =
        wish->form(wish->form_context, &pass->document, &wish->parts[pass->turn], record, &pass->bytes);
    if (verdict != RECORD_TAKEN)
        writer_cut(&pass->bytes, before);
    return verdict;
}

static enum record_verdict write_if_wanted(struct record_pass *pass, const struct record *record, bool is_first)
{
    if (!record_filter_passes(&pass->wish->filter, record))
        return RECORD_LEFT_OUT;
    if (pass->wish->form != NULL)
        return write_own(pass, record);
    write_record(pass, record, is_first);
    return RECORD_TAKEN;
}

static void take_record(struct record_pass *pass, const struct record *record, struct block_sum *sum)
{
    int64_t before = pass->at[pass->turn];
    pass->at[pass->turn] = next_kept(pass, record->offset + 1); /* what is written may say where it stands */
    enum record_verdict verdict = write_if_wanted(pass, record, sum->records == 0);
    if (verdict == RECORD_STOPS_BEFORE) {
        pass->at[pass->turn] = before;
        pass->is_full = true;
        return;
    }
    pass->is_moved = true;
    if (verdict == RECORD_LEFT_OUT)
        return;
    if (sum->records++ == 0)
        sum->first_offset = record->offset;
    pass->is_full = ++pass->taken >= pass->max_records || pass->bytes.size >= pass->max_bytes;
    if (pass->is_full || pass->bytes.size - block_begin(pass) >= pass->block_bytes)
        end_block(pass, sum);
}

/* ---- batches and ranges ---- */

static void pass_over(struct record_pass *pass, const struct batch_header *header)
{
    int64_t behind = next_kept(pass, batch_last_offset(header) + 1);
    if (behind > pass->at[pass->turn])
        pass->at[pass->turn] = behind;
    pass->is_moved = true;
}

static void take_records(struct record_pass *pass, slice batch, struct block_sum *sum)
{
    struct batch_iterator it;
    int rc = batch_iterator_open(&it, batch, pass->memory, MAX_UNCOMPRESSED, NULL);
    if (rc == 0 && pass->is_light && it.compressed &&
        (pass->is_moved || pass->block_count != 0)) { /* its pass is not for the loop */
        pass->is_full = true;
        batch_iterator_close(&it);
        return;
    }
    if (rc != 0) {
        pass->status = rc;
        return;
    }
    pass->form.is_append_time = batch_is_log_append_time(&it.header);
    struct record record;
    while (!pass->is_full && pass->status == 0 && (rc = batch_iterator_next(&it, &record, NULL)) == 1) {
        if (record.offset >= pass->at[pass->turn])
            take_record(pass, &record, sum);
    }
    if (rc < 0)
        pass->status = rc;
    else if (rc == 0)
        pass_over(pass, &it.header);
    batch_iterator_close(&it);
}

static void take_batch(struct record_pass *pass, const struct batch_header *header, slice batch,
                       const struct aborted_walk *walk, struct block_sum *sum)
{
    if (batch_is_control(header))
        take_marker(walk, header);
    if (batch_last_offset(header) < pass->at[pass->turn])
        return;
    if (batch_is_control(header) || is_aborted(walk, header))
        pass_over(pass, header);
    else
        take_records(pass, batch, sum);
}

static void take_batches(struct record_pass *pass, const struct record_range *range, slice bytes, struct block_sum *sum)
{
    struct aborted_walk walk;
    pass->status = open_walk(&walk, range, pass->memory);
    struct batch_header header;
    slice batch;
    int rc = 1;
    while (pass->status == 0 && !pass->is_full && (rc = batch_next(&bytes, &header, &batch, NULL)) == 1)
        take_batch(pass, &header, batch, &walk, sum);
    if (rc < 0)
        pass->status = rc;
    close_walk(&walk);
}

static void take_range(struct record_pass *pass, const struct record_range *range, struct block_sum *sum)
{
    const struct record_wish *wish = pass->wish;
    const struct record_part *part = &wish->parts[range->part];
    pass->turn = range->part;
    record_form_init(&pass->form, wish->format, wish->format == RECORD_FORMAT_JSON ? &pass->document : NULL,
                     part->topic, part->partition);
    uint8_t *bytes = memory_alloc(pass->memory, MEMORY_RESPONSES, range->bytes);
    if (bytes == NULL) {
        pass->status = -ENOMEM;
        return;
    }
    size_t got = 0;
    pass->status = file_read(range->file, bytes, range->bytes, range->position, &got, NULL);
    if (pass->status == 0)
        take_batches(pass, range, slice_of(bytes, got), sum);
    memory_free(pass->memory, MEMORY_RESPONSES, bytes, range->bytes);
}

/* ---- the pass ---- */

static int prepare(struct record_pass *pass)
{
    size_t size = (size_t)pass->wish->part_count * sizeof *pass->at;
    pass->at = memory_alloc(pass->memory, MEMORY_RESPONSES, size);
    if (pass->at == NULL)
        return -ENOMEM;
    memcpy(pass->at, pass->positions, size);
    return 0;
}

void record_pass_run(struct record_pass *pass)
{
    struct block_sum sum = {.first_offset = -1};
    static const struct json_limits limits = {.depth = JSON_DEPTH_MAX, .values = JSON_VALUES_MAX};
    writer_init(&pass->bytes, pass->memory, MEMORY_RESPONSES, RECORD_MAX);
    writer_init(&pass->scratch, pass->memory, MEMORY_RESPONSES, RECORD_MAX);
    json_document_init(&pass->document, pass->memory, MEMORY_RESPONSES, limits);
    pass->status = prepare(pass);
    for (int32_t i = 0; i < pass->range_count && pass->status == 0 && !pass->is_full; i++) {
        take_range(pass, &pass->ranges[i], &sum);
        if (!writer_ok(&pass->bytes) && pass->status == 0)
            pass->status = -ENOMEM;
        if (pass->status != 0)
            pass->failed_part = pass->turn;
        else if (!pass->is_full)
            pass->turn = (pass->turn + 1) % pass->wish->part_count;
    }
    if (pass->is_moved && writer_ok(&pass->bytes))
        end_block(pass, &sum);
}

static bool is_light(const struct record_pass *pass)
{
    uint64_t bytes = 0;
    for (int32_t i = 0; i < pass->range_count; i++)
        bytes += pass->ranges[i].bytes;
    if (bytes > LIGHT_BYTES)
        return false;
    for (int32_t i = 0; i < pass->range_count; i++) {
        uint8_t first[BATCH_HEADER_SIZE];
        struct batch_header header;
        size_t got = 0;
        if (file_read(pass->ranges[i].file, first, sizeof first, pass->ranges[i].position, &got, NULL) != 0 ||
            batch_parse_header(slice_of(first, got), &header, NULL) != 0 || batch_codec(&header) != CODEC_NONE)
            return false;
    }
    return true;
}

bool record_pass_is_light(struct record_pass *pass)
{
    pass->is_light = is_light(pass);
    return pass->is_light;
}

void record_pass_close(struct record_pass *pass)
{
    struct memory *memory = pass->memory;
    size_t size = (size_t)pass->wish->part_count * sizeof *pass->at;
    for (int32_t i = 0; i < pass->block_count; i++)
        memory_free(memory, MEMORY_RESPONSES, pass->blocks[i].positions, size);
    memory_free(memory, MEMORY_RESPONSES, pass->blocks, (size_t)pass->block_room * sizeof *pass->blocks);
    memory_free(memory, MEMORY_RESPONSES, pass->at, size);
    writer_close(&pass->bytes);
    writer_close(&pass->scratch);
    json_document_close(&pass->document);
}
