/* The indexes are read from the segment on in which the range begins: no marker of a transaction with a record in the
 * range stands before. The first entry that says that the log was stable up to the range's end is the last one that can
 * concern it.
 *
 * An answer is bounded. When more transactions lie in the range than it may name, those that begin first are kept and
 * the range ends where the next one begins. Those that were open where it begins are all named: there are no more of
 * them than there were producers at work. */
#include "log_read_aborted.h"

#include <stdlib.h>

#define ABORTED_MAX ((uint32_t)4096) /* of one answer, but for those that were open at its beginning */

struct found {
    struct log_aborted aborted;
    int64_t last_offset;
};

struct log_read_aborted {
    struct aborted_stream stream;
    struct found *found;
    uint32_t count;
    uint32_t capacity;
    bool cannot_be_cut; /* too many begin before the range */
};

int log_read_aborted_begin(const struct log *log, struct log_read *read, uint32_t segment)
{
    struct memory *memory = log->environment.memory;
    struct log_read_aborted *search = memory_alloc_zeroed(memory, MEMORY_LOGS, sizeof *search);
    if (search == NULL)
        return -ENOMEM;
    if (aborted_stream_open(&search->stream, log, segment) != 0) {
        memory_free(memory, MEMORY_LOGS, search, sizeof *search);
        return -ENOMEM;
    }
    read->private.aborted = search;
    return 0;
}

static int compare_first(const void *a, const void *b)
{
    const struct found *left = a, *right = b;
    return (left->aborted.first_offset > right->aborted.first_offset) -
           (left->aborted.first_offset < right->aborted.first_offset);
}

static int compare_last(const void *a, const void *b)
{
    const struct found *left = a, *right = b;
    return (left->last_offset > right->last_offset) - (left->last_offset < right->last_offset);
}

static int grow(struct log_read_aborted *search, struct memory *memory, struct error *error)
{
    uint32_t capacity = search->capacity != 0 ? search->capacity * 2 : 16;
    struct found *found =
        memory_realloc(memory, MEMORY_LOGS, search->found, search->capacity * sizeof *found, capacity * sizeof *found);
    if (found == NULL)
        return error_set_status(error, -ENOMEM, "aborted transactions");
    search->found = found;
    search->capacity = capacity;
    return 0;
}

/* Lowers *end when what was found is too much and can be cut. */
static void keep_bound(struct log_read_aborted *search, int64_t first_base, int64_t *end)
{
    if (search->count < 2 * ABORTED_MAX || search->cannot_be_cut)
        return;
    qsort(search->found, search->count, sizeof *search->found, compare_first);
    int64_t cut = search->found[ABORTED_MAX].aborted.first_offset;
    search->cannot_be_cut = cut <= first_base; /* and never will be: what comes only adds to them */
    if (search->cannot_be_cut)
        return;
    *end = cut;
    while (search->count > 0 && search->found[search->count - 1].aborted.first_offset >= cut)
        search->count--;
}

static int collect(struct log_read *read, struct log_read_aborted *search, int64_t *end, struct error *error)
{
    struct aborted_transaction aborted;
    int rc;
    search->count = 0;
    search->cannot_be_cut = false;
    aborted_stream_rewind(&search->stream, INT64_MIN);
    while ((rc = aborted_stream_next(&search->stream, &aborted, error)) == 1) {
        if (aborted.last_offset >= read->offset && aborted.first_offset < *end) {
            if (search->count == search->capacity && (rc = grow(search, read->private.memory, error)) != 0)
                return rc;
            search->found[search->count++] =
                (struct found){{aborted.producer_id, aborted.first_offset}, aborted.last_offset};
            keep_bound(search, read->private.first_base, end);
        }
        if (aborted.stable_end >= *end)
            return 0;
    }
    return rc;
}

static int take_list(struct log_read *read, struct log_read_aborted *search, struct error *error)
{
    if (search->count == 0)
        return 0;
    qsort(search->found, search->count, sizeof *search->found, compare_last);
    read->aborted = memory_alloc(read->private.memory, MEMORY_LOGS, search->count * sizeof *read->aborted);
    if (read->aborted == NULL)
        return error_set_status(error, -ENOMEM, "aborted transactions");
    read->aborted_count = search->count;
    for (uint32_t i = 0; i < search->count; i++)
        read->aborted[i] = search->found[i].aborted;
    return 0;
}

int log_read_aborted_find(struct log_read *read, int64_t end, struct error *error)
{
    struct log_read_aborted *search = read->private.aborted;
    int64_t cut = end;
    int rc = collect(read, search, &cut, error);
    if (rc != 0)
        return rc;
    if (cut < end && cut < read->end_offset) {
        read->end_offset = cut;
        return 1;
    }
    return take_list(read, search, error);
}

bool log_read_aborted_is_old(const struct log *log, const struct log_read *read)
{
    return read->private.aborted != NULL && aborted_stream_is_old(&read->private.aborted->stream, log);
}

void log_read_aborted_end(struct log_read *read)
{
    struct log_read_aborted *search = read->private.aborted;
    struct memory *memory = read->private.memory;
    if (search == NULL)
        return;
    aborted_stream_close(&search->stream);
    memory_free(memory, MEMORY_LOGS, search->found, search->capacity * sizeof *search->found);
    memory_free(memory, MEMORY_LOGS, search, sizeof *search);
    read->private.aborted = NULL;
}

void log_read_aborted_release(struct log_read *read)
{
    log_read_aborted_end(read);
    if (read->aborted != NULL)
        memory_free(read->private.memory, MEMORY_LOGS, read->aborted, read->aborted_count * sizeof *read->aborted);
    read->aborted = NULL;
    read->aborted_count = 0;
}
