#include "transaction_index.h"

#include "reader.h"
#include "writer.h"

#include <inttypes.h>

#define VERSION 0

void transaction_index_encode(const struct aborted_transaction *aborted, uint8_t bytes[TRANSACTION_INDEX_ENTRY_SIZE])
{
    store_u16(bytes, VERSION);
    store_u64(bytes + 2, (uint64_t)aborted->producer_id);
    store_u64(bytes + 10, (uint64_t)aborted->first_offset);
    store_u64(bytes + 18, (uint64_t)aborted->last_offset);
    store_u64(bytes + 26, (uint64_t)aborted->stable_end);
}

bool transaction_index_decode(const uint8_t bytes[TRANSACTION_INDEX_ENTRY_SIZE], struct aborted_transaction *aborted)
{
    *aborted = (struct aborted_transaction){.producer_id = (int64_t)load_u64(bytes + 2),
                                            .first_offset = (int64_t)load_u64(bytes + 10),
                                            .last_offset = (int64_t)load_u64(bytes + 18),
                                            .stable_end = (int64_t)load_u64(bytes + 26)};
    return load_u16(bytes) == VERSION && aborted->producer_id >= 0 && aborted->first_offset >= 0 &&
           aborted->first_offset <= aborted->last_offset && aborted->stable_end >= 0 &&
           aborted->stable_end - 1 <= aborted->last_offset;
}

int transaction_index_count(struct file *file, uint32_t *entries, struct error *error)
{
    uint64_t size;
    int rc = file_size(file, &size, error);
    if (rc != 0)
        return error_wrap(error, rc, "transaction index");
    *entries = (uint32_t)(size / TRANSACTION_INDEX_ENTRY_SIZE);
    if (size % TRANSACTION_INDEX_ENTRY_SIZE != 0 || size > INT32_MAX)
        return error_set(error, FURROW_CORRUPT, "transaction index: %" PRIu64 " bytes are no whole entries", size);
    return 0;
}

void transaction_index_start(struct transaction_index_walk *walk, struct file *file, uint32_t first, uint32_t entries)
{
    walk->file = file;
    walk->next = first;
    walk->entries = entries;
    walk->buffered_from = walk->buffered = 0;
    walk->last_offset = -1;
    walk->stable_end = 0;
}

/* The next entry's bytes into the buffer. */
static int fill(struct transaction_index_walk *walk, struct error *error)
{
    uint32_t left = walk->entries - walk->next;
    uint32_t want = left < TRANSACTION_INDEX_BUFFERED ? left : TRANSACTION_INDEX_BUFFERED;
    size_t got;
    int rc = file_read(walk->file, walk->buffer, (size_t)want * TRANSACTION_INDEX_ENTRY_SIZE,
                       (uint64_t)walk->next * TRANSACTION_INDEX_ENTRY_SIZE, &got, error);
    if (rc != 0)
        return error_wrap(error, rc, "transaction index");
    walk->buffered_from = walk->next;
    walk->buffered = (uint32_t)(got / TRANSACTION_INDEX_ENTRY_SIZE);
    if (walk->buffered == 0)
        return error_set(error, FURROW_CORRUPT, "transaction index: ends before entry %" PRIu32, walk->next);
    return 0;
}

int transaction_index_next(struct transaction_index_walk *walk, struct aborted_transaction *aborted,
                           struct error *error)
{
    if (walk->next >= walk->entries)
        return 0;
    if (walk->next - walk->buffered_from >= walk->buffered) {
        int rc = fill(walk, error);
        if (rc != 0)
            return rc;
    }
    const uint8_t *bytes = walk->buffer + (size_t)(walk->next - walk->buffered_from) * TRANSACTION_INDEX_ENTRY_SIZE;
    if (!transaction_index_decode(bytes, aborted))
        return error_set(error, FURROW_CORRUPT, "transaction index: entry %" PRIu32 " is none", walk->next);
    if (aborted->last_offset <= walk->last_offset || aborted->stable_end < walk->stable_end)
        return error_set(error, FURROW_CORRUPT, "transaction index: entry %" PRIu32 " goes back", walk->next);
    walk->last_offset = aborted->last_offset;
    walk->stable_end = aborted->stable_end;
    walk->next++;
    return 1;
}

int transaction_index_check(struct file *file, int64_t base_offset, int64_t end_offset, uint32_t *entries,
                            struct error *error)
{
    struct transaction_index_walk walk;
    struct aborted_transaction aborted = {.last_offset = -1};
    int rc = transaction_index_count(file, entries, error);
    if (rc != 0)
        return rc;
    transaction_index_start(&walk, file, 0, *entries);
    while ((rc = transaction_index_next(&walk, &aborted, error)) == 1) {
        if (aborted.last_offset < base_offset || aborted.last_offset >= end_offset)
            return error_set(error, FURROW_CORRUPT,
                             "transaction index: entry %" PRIu32 ": offset %" PRId64 " is not of the segment",
                             walk.next - 1, aborted.last_offset);
    }
    return rc;
}
