/* The first byte chooses the codec, the rest is decompressed: in one go, then pulled in small steps, with the same
 * outcome, never above the limit and in bounded memory. */
#include "compression.h"

#include <stdlib.h>

#define LIMIT ((size_t)100000)
/* lz4 may ask for two blocks of 4 MiB, zstd for a window of 8. */
#define MEMORY_MAX ((size_t)10 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int pull(enum codec codec, slice input, struct memory *memory, const writer *expected)
{
    struct decompressor d;
    struct error error = {0};
    int rc = decompressor_open(&d, codec, input, LIMIT, memory, &error);
    if (rc != 0)
        return rc;
    uint8_t bytes[777];
    size_t total = 0, got = sizeof bytes;
    while (rc == 0 && got == sizeof bytes) {
        rc = decompressor_read(&d, bytes, sizeof bytes, &got, &error);
        if (rc != 0)
            break;
        require(got <= expected->size - total && (got == 0 || memcmp(bytes, expected->data + total, got) == 0));
        total += got;
    }
    decompressor_close(&d);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum codec codec = (enum codec)(data[0] % 8);
    slice input = slice_of(data + 1, size - 1);
    struct memory memory;
    memory_init(&memory);
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, LIMIT);
    struct error error = {0};
    int rc = codec_decompress(codec, input, LIMIT, &w, &error);
    require((rc == 0) == (error.message[0] == '\0'));
    require(w.size <= LIMIT);
    if (rc == 0)
        require(pull(codec, input, &memory, &w) == 0);
    require(memory.counts[MEMORY_COMPRESSION].peak_bytes <= MEMORY_MAX);
    writer_close(&w);
    require(memory_total_bytes(&memory) == 0);
    return 0;
}
