/* A segment's transaction index against its batches.
 *
 * Every transaction with a batch that its marker aborts must have an entry, one that begins no later and says no more
 * of the last stable offset than the batches do: else a reader would be given what was aborted. Every entry must name
 * such a marker: one that does not would hide what its producer wrote later. Entries of transactions whose batches are
 * gone are right: compaction drops the marker, and the entry with it, later. */
#include "inspect_private.h"

#include "log_private.h"

struct comparison {
    struct transaction_index_walk walk; /* the file */
    struct aborted_transaction said;    /* by the file */
    bool has_said;
    struct error *wrong;
};

static int next_said(struct comparison *c, struct error *error)
{
    int rc = transaction_index_next(&c->walk, &c->said, error);
    c->has_said = rc == 1;
    return rc < 0 ? rc : 0;
}

static int say_stray(struct comparison *c)
{
    return error_set(c->wrong, FURROW_CORRUPT, "entry %" PRIu32 ": at offset %" PRId64 " nothing is aborted",
                     c->walk.next - 1, c->said.last_offset);
}

/* The marker of a transaction, as the batches have it. */
static int compare_one(struct comparison *c, const struct aborted_transaction *made, struct error *error)
{
    bool has_batches = made->first_offset < made->last_offset;
    while (c->has_said && c->said.last_offset < made->last_offset)
        return say_stray(c);
    if (!c->has_said || c->said.last_offset > made->last_offset) {
        return has_batches
                   ? error_set(c->wrong, FURROW_CORRUPT,
                               "the transaction that was aborted at offset %" PRId64 " has no entry", made->last_offset)
                   : 0;
    }
    if (c->said.producer_id != made->producer_id)
        return say_stray(c);
    if (has_batches && (c->said.first_offset > made->first_offset || c->said.stable_end > made->stable_end))
        return error_set(c->wrong, FURROW_CORRUPT, "entry %" PRIu32 " is not what the batches say", c->walk.next - 1);
    return next_said(c, error);
}

static int compare_all(struct comparison *c, slice made, struct error *error)
{
    int rc = next_said(c, error);
    for (size_t at = 0; at < made.size && rc == 0; at += TRANSACTION_INDEX_ENTRY_SIZE) {
        struct aborted_transaction aborted;
        if (transaction_index_decode(made.data + at, &aborted))
            rc = compare_one(c, &aborted, error);
    }
    return rc == 0 && c->has_said ? say_stray(c) : rc;
}

static int compare_file(struct comparison *c, struct disk *disk, const char *path, slice made, int64_t base_offset,
                        int64_t end_offset)
{
    struct file *file = NULL;
    uint32_t entries = 0;
    int rc = disk_open_file(disk, path, FILE_READ, &file, c->wrong);
    if (rc == 0)
        rc = transaction_index_check(file, base_offset, end_offset, &entries, c->wrong);
    if (rc == 0 || rc == -ENOENT) {
        transaction_index_start(&c->walk, file, 0, entries);
        rc = compare_all(c, made, c->wrong);
    }
    if (file != NULL)
        file_close(file);
    if (rc == 0)
        *c->wrong = (struct error){0};
    return rc;
}

int inspect_aborted(struct disk *disk, struct memory *memory, const char *folder, const struct log_folder *found,
                    int64_t base_offset, int64_t end_offset, struct error *wrong, struct error *error)
{
    struct comparison c = {.wrong = wrong};
    char path[DISK_PATH_MAX];
    writer made;
    *wrong = (struct error){0};
    writer_init(&made, memory, MEMORY_LOGS, SEGMENT_MAX_BYTES);
    segment_path(folder, base_offset, SEGMENT_TRANSACTION_INDEX, path);
    int rc = log_remake_aborted(disk, memory, folder, found, base_offset, end_offset, true, &made, error);
    if (rc == 0) {
        rc = compare_file(&c, disk, path, writer_slice(&made), base_offset, end_offset);
        rc = rc == -ENOMEM ? error_set_status(error, rc, "%s", path) : 0;
    }
    writer_close(&made);
    return rc;
}
