/* Any bytes as a batch that a producer sends, then as a segment's: validated, scanned and walked. The CRC is put right
 * first, or nothing would ever get behind it. */
#include "batch_iterator.h"
#include "batch_validate.h"
#include "crc32c.h"

#include <stdlib.h>

#define LIMIT ((size_t)1 << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Bytes of the records that were walked; at most `most`. */
static void walk(slice batch, struct memory *memory, size_t most)
{
    struct batch_iterator it;
    struct record record;
    struct error error = {0};
    if (batch_iterator_open(&it, batch, memory, LIMIT, &error) != 0)
        return;
    size_t bytes = 0;
    int rc;
    while ((rc = batch_iterator_next(&it, &record, &error)) == 1) {
        bytes += record.key.size + record.value.size;
        reader headers = reader_of(record.headers);
        struct record_header header;
        int32_t count = 0;
        while (record_next_header(&headers, &header))
            count++;
        require(count == record.header_count && reader_ok(&headers));
        require(record.offset >= it.header.base_offset && record.offset <= batch_last_offset(&it.header));
    }
    require(bytes <= most);
    require(rc == 0 || error.message[0] != '\0');
    batch_iterator_close(&it);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory memory;
    memory_init(&memory);
    uint8_t *bytes = malloc(size != 0 ? size : 1);
    require(bytes != NULL);
    if (size != 0)
        memcpy(bytes, data, size);
    if (size >= BATCH_HEADER_SIZE)
        store_u32(bytes + 17, crc32c(0, bytes + 21, size - 21));

    struct batch_rules rules = {
        .max_bytes = LIMIT, .open_compressed = true, .max_uncompressed = LIMIT, .memory = &memory};
    struct batch_report report;
    struct error error = {0};
    slice batch = slice_of(bytes, size);
    int rc = batch_validate(batch, &rules, &report, &error);
    require((rc == 0) == (error.message[0] == '\0'));
    require(rc != 0 || (report.walked && batch_size(&report.header) == size));

    slice rest = batch;
    struct batch_header header;
    while (batch_next(&rest, &header, &batch, &error) == 1)
        walk(batch, &memory, batch_codec(&header) == CODEC_NONE ? batch.size : LIMIT);
    walk(slice_of(bytes, size), &memory, size > LIMIT ? size : LIMIT);

    require(memory_total_bytes(&memory) == 0);
    free(bytes);
    return 0;
}
