/* Transaction indexes after an unclean stop. Of a segment that is walked, the index is made again from where the
 * producers' snapshot begins; what it says of markers before that was synced before the snapshot was, as was the index
 * of a segment below the recovery point. Should it not look right all the same, those entries are made again too, with
 * an older snapshot. */
#include "recovery_walk.h"

#define PENDING_MAX ((size_t)1 << 16) /* bytes */

static int open_index(struct recovery_walk *w, int64_t base_offset, enum file_mode mode, struct file **file)
{
    struct log_handle handle = {0};
    int rc = log_handle_open(&handle, w->log->environment.disk, w->log->folder, base_offset, SEGMENT_TRANSACTION_INDEX,
                             mode, w->error);
    *file = handle.file;
    return rc;
}

static int make_index(struct recovery_walk *w, int64_t base_offset)
{
    int rc = w->aborted.file == NULL ? open_index(w, base_offset, FILE_CREATE, &w->aborted.file) : 0;
    w->log->folder_changes += rc == 0;
    return rc;
}

static int flush(struct recovery_walk *w, int64_t base_offset)
{
    struct recovery_aborted *a = &w->aborted;
    struct iovec part = {a->pending.data, a->pending.size};
    if (!writer_ok(&a->pending))
        return error_set_status(w->error, -ENOMEM, "transaction index");
    if (part.iov_len == 0)
        return 0;
    int rc = make_index(w, base_offset);
    if (rc == 0)
        rc = file_write(a->file, &part, 1, (uint64_t)a->entries * TRANSACTION_INDEX_ENTRY_SIZE, w->error);
    a->entries += (uint32_t)(part.iov_len / TRANSACTION_INDEX_ENTRY_SIZE);
    writer_cut(&a->pending, 0);
    return rc;
}

/* Counts the entries of markers before `until`. FURROW_CORRUPT: one of them is wrong. */
static int count_kept(struct recovery_walk *w, const struct segment *segment, int64_t until)
{
    struct transaction_index_walk walk;
    struct aborted_transaction aborted;
    uint64_t size;
    int rc = file_size(w->aborted.file, &size, w->error);
    if (rc != 0)
        return rc;
    transaction_index_start(&walk, w->aborted.file, 0, (uint32_t)(size / TRANSACTION_INDEX_ENTRY_SIZE));
    w->aborted.entries = 0;
    while ((rc = transaction_index_next(&walk, &aborted, w->error)) == 1) {
        if (aborted.last_offset >= until)
            return 0;
        if (aborted.last_offset < segment->base_offset)
            return FURROW_CORRUPT;
        w->aborted.entries++;
    }
    bool is_torn = rc == 0 && size % TRANSACTION_INDEX_ENTRY_SIZE != 0; /* one of them may be what is missing */
    return is_torn ? FURROW_CORRUPT : rc;
}

static int remake(struct recovery_walk *w, const struct segment *segment, int64_t until)
{
    struct log *log = w->log;
    w->aborted.entries = 0;
    w->recovery->indexes_rebuilt++;
    return log_remake_aborted(log->environment.disk, log->environment.memory, log->folder, w->found,
                              segment->base_offset, until, false, &w->aborted.pending, w->error);
}

static void init(struct recovery_walk *w)
{
    w->aborted = (struct recovery_aborted){.file = NULL};
    writer_init(&w->aborted.pending, w->log->environment.memory, MEMORY_LOGS, SEGMENT_MAX_BYTES);
}

int recovery_aborted_open(struct recovery_walk *w, const struct segment *segment, bool from_start)
{
    init(w);
    int rc = open_index(w, segment->base_offset, FILE_READ_WRITE, &w->aborted.file);
    if (rc != 0 && rc != -ENOENT)
        return rc;
    if (w->replay_from <= segment->base_offset)
        return 0;
    if (from_start)
        return remake(w, segment, w->replay_from);
    if (rc == -ENOENT)
        return 0;
    rc = count_kept(w, segment, w->replay_from);
    return rc == FURROW_CORRUPT ? remake(w, segment, w->replay_from) : rc;
}

int recovery_aborted_note(struct recovery_walk *w, const struct aborted_transaction *aborted,
                          const struct segment *segment)
{
    uint8_t bytes[TRANSACTION_INDEX_ENTRY_SIZE];
    transaction_index_encode(aborted, bytes);
    write_bytes(&w->aborted.pending, slice_of(bytes, sizeof bytes));
    return w->aborted.pending.size >= PENDING_MAX || !writer_ok(&w->aborted.pending) ? flush(w, segment->base_offset)
                                                                                     : 0;
}

/* Segments come in rising order, but for those that are looked at first. */
static int note_end(struct recovery_walk *w, const struct segment *segment)
{
    struct transaction_index_walk walk;
    struct aborted_transaction last;
    if (segment->aborted == 0)
        return 0;
    transaction_index_start(&walk, w->aborted.file, segment->aborted - 1, segment->aborted);
    int rc = transaction_index_next(&walk, &last, w->error);
    if (rc == 1 && last.last_offset >= w->log->aborted_end)
        w->log->aborted_end = last.last_offset + 1;
    return rc < 0 ? rc : 0;
}

int recovery_aborted_finish(struct recovery_walk *w, struct segment *segment, bool sync)
{
    struct recovery_aborted *a = &w->aborted;
    int rc = flush(w, segment->base_offset);
    if (rc == 0 && a->file != NULL)
        rc = file_truncate(a->file, (uint64_t)a->entries * TRANSACTION_INDEX_ENTRY_SIZE, w->error);
    if (rc == 0 && a->file != NULL && sync)
        rc = file_sync(a->file, w->error);
    if (rc != 0)
        return rc;
    segment->aborted = a->entries;
    return note_end(w, segment);
}

void recovery_aborted_close(struct recovery_walk *w)
{
    if (w->aborted.file != NULL)
        file_close(w->aborted.file);
    w->aborted.file = NULL;
    writer_close(&w->aborted.pending);
}

int recovery_aborted_check(struct recovery_walk *w, uint32_t i, bool are_missing)
{
    struct log *log = w->log;
    struct segment *segment = &log->segments[i];
    int64_t end_offset = log_segment_end_offset(log, i);
    init(w);
    int rc = open_index(w, segment->base_offset, FILE_READ_WRITE, &w->aborted.file);
    if (rc == -ENOENT && !are_missing)
        return 0;
    if (rc == 0)
        rc = transaction_index_check(w->aborted.file, segment->base_offset, end_offset, &segment->aborted, w->error);
    else if (rc == -ENOENT)
        rc = FURROW_CORRUPT;
    if (rc == 0)
        rc = note_end(w, segment);
    if (rc == FURROW_CORRUPT) {
        rc = remake(w, segment, end_offset);
        if (rc == 0)
            rc = recovery_aborted_finish(w, segment, true);
    }
    recovery_aborted_close(w);
    return rc;
}
