#include "index_file.h"

#include <inttypes.h>

#define CHECKED_AT_ONCE ((size_t)256) /* entries in one read of a whole file */

static int read_entry(const struct index_kind *kind, struct file *file, uint32_t number, uint8_t entry[INDEX_ENTRY_MAX],
                      struct error *error)
{
    size_t got;
    int rc = file_read(file, entry, kind->entry_size, (uint64_t)number * kind->entry_size, &got, error);
    if (rc == 0 && got < kind->entry_size)
        rc = error_set(error, FURROW_CORRUPT, "entry %" PRIu32 " is behind the end of the file", number);
    return rc == 0 ? 0 : error_wrap(error, rc, "%s", kind->name);
}

/* The zeros of a file that was preallocated are at its end; the others are before. */
static int cut_zero_tail(const struct index_kind *kind, struct file *file, uint32_t *entries,
                         uint8_t last[INDEX_ENTRY_MAX], struct error *error)
{
    uint32_t low = 0, high = *entries - 1; /* entry `high` is zero, all before `low` are not */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int rc = read_entry(kind, file, middle, last, error);
        if (rc != 0)
            return rc;
        if (kind->is_zero(last))
            high = middle;
        else
            low = middle + 1;
    }
    *entries = low;
    return low != 0 ? read_entry(kind, file, low - 1, last, error) : 0;
}

int index_file_count(const struct index_kind *kind, struct file *file, uint32_t *entries, uint8_t last[INDEX_ENTRY_MAX],
                     struct error *error)
{
    uint64_t size;
    int rc = file_size(file, &size, error);
    if (rc != 0)
        return error_wrap(error, rc, "%s", kind->name);
    if (size / kind->entry_size > INT32_MAX)
        return error_set(error, FURROW_CORRUPT, "%s: %" PRIu64 " bytes are too many", kind->name, size);
    *entries = (uint32_t)(size / kind->entry_size);
    if (*entries == 0)
        return 0;
    rc = read_entry(kind, file, *entries - 1, last, error);
    if (rc == 0 && kind->is_zero(last) && size != kind->entry_size)
        rc = cut_zero_tail(kind, file, entries, last, error);
    else if (rc == 0 && kind->is_zero(last) && !kind->is_valid(last))
        *entries = 0;
    if (rc != 0)
        return rc;
    if (*entries != 0 && !kind->is_valid(last))
        return error_set(error, FURROW_CORRUPT, "%s: the last entry is none", kind->name);
    return 0;
}

int index_file_find(const struct index_kind *kind, struct file *file, uint32_t entries, int64_t key,
                    uint8_t entry[INDEX_ENTRY_MAX], struct error *error)
{
    uint32_t low = 0, high = entries; /* keys before `low` are at most `key`, those from `high` on are larger */
    int64_t low_key = INT64_MIN, high_key = INT64_MAX;
    uint8_t read[INDEX_ENTRY_MAX];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int rc = read_entry(kind, file, middle, read, error);
        if (rc != 0)
            return rc;
        int64_t found = kind->key(read);
        if (!kind->is_valid(read) || found < low_key || found > high_key)
            return error_set(error, FURROW_CORRUPT, "%s: entry %" PRIu32 " is out of order", kind->name, middle);
        if (found <= key) {
            memcpy(entry, read, kind->entry_size);
            low_key = found;
            low = middle + 1;
        } else {
            high_key = found;
            high = middle;
        }
    }
    return low != 0;
}

int index_file_check(const struct index_kind *kind, struct file *file, uint32_t entries, index_file_verdict *verdict,
                     void *context, struct error *error)
{
    uint64_t size;
    int rc = file_size(file, &size, error);
    if (rc != 0)
        return error_wrap(error, rc, "%s", kind->name);
    if (size % kind->entry_size != 0)
        return error_set(error, FURROW_CORRUPT, "%s: %" PRIu64 " bytes are no whole entries", kind->name, size);

    uint8_t bytes[CHECKED_AT_ONCE * INDEX_ENTRY_MAX];
    for (uint32_t first = 0; first < entries;) {
        size_t count = entries - first < CHECKED_AT_ONCE ? entries - first : CHECKED_AT_ONCE;
        size_t got;
        rc = file_read(file, bytes, count * kind->entry_size, (uint64_t)first * kind->entry_size, &got, error);
        if (rc != 0)
            return error_wrap(error, rc, "%s", kind->name);
        if (got < count * kind->entry_size)
            return error_set(error, FURROW_CORRUPT, "%s: ends before entry %" PRIu32, kind->name, entries);
        for (size_t i = 0; i < count; i++) {
            const uint8_t *entry = bytes + i * kind->entry_size;
            const char *words = kind->is_valid(entry) ? verdict(context, entry) : "is none";
            if (words != NULL)
                return error_set(error, FURROW_CORRUPT, "%s: entry %zu %s", kind->name, first + i, words);
        }
        first += (uint32_t)count;
    }
    return 0;
}

int index_file_append(const struct index_kind *kind, struct file *file, uint32_t entries, slice bytes,
                      struct error *error)
{
    uint64_t end = (uint64_t)entries * kind->entry_size, size;
    int rc = file_size(file, &size, error);
    if (rc == 0 && size > end)
        rc = file_truncate(file, end, error);
    struct iovec part = {.iov_base = (void *)bytes.data, .iov_len = bytes.size};
    if (rc == 0 && bytes.size != 0)
        rc = file_write(file, &part, 1, end, error);
    return rc == 0 ? 0 : error_wrap(error, rc, "%s", kind->name);
}
