/* Snappy's block format (google/snappy, format_description.txt), without libsnappy: that is C++, which no soft-float
 * MIPS runtime offers.
 *
 * A block is the uncompressed length as a varint, then literals and copies from what was already produced. */
#pragma once

#include "slice.h"

/* The matcher's memory: positions of a fragment by hash. */
#define SNAPPY_TABLE_ENTRIES ((size_t)1 << 14)

/* A block of `size` bytes never takes more. */
static inline size_t snappy_block_bound(size_t size)
{
    return 32 + size + size / 6;
}

/* Bytes written to `to`, which has room for snappy_block_bound(input.size). `table` has SNAPPY_TABLE_ENTRIES and need
 * not be cleared. input.size < 2^32. */
size_t snappy_block_compress(slice input, uint8_t *to, uint16_t *table);

/* Bytes that the block says it holds; false when it says nothing, or more than a block of its size can. */
bool snappy_block_size(slice block, size_t *size);

/* Into exactly `size` bytes, as snappy_block_size said; false when the block is corrupt. */
bool snappy_block_decompress(slice block, uint8_t *to, size_t size);
