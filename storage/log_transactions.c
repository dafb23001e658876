/* Transactions of a log: which are open, and which were aborted. */
#include "log_private.h"

#include "transaction_marker.h"

/* The transaction that the marker behind header->base_offset has ended; the producers know nothing of it any more. */
static void describe_aborted(const struct producer_state *producers, const struct batch_header *header,
                             int64_t first_offset, struct aborted_transaction *aborted)
{
    int64_t open = producer_state_first_open_offset(producers);
    int64_t last_offset = batch_last_offset(header);
    *aborted = (struct aborted_transaction){.producer_id = header->producer_id,
                                            .first_offset = first_offset,
                                            .last_offset = last_offset,
                                            .stable_end = open >= 0 && open <= last_offset ? open : last_offset + 1};
}

static int note_control(struct producer_state *producers, const struct batch_header *header, slice batch,
                        int64_t timestamp, struct aborted_transaction *aborted)
{
    struct transaction_marker marker = {.coordinator_epoch = -1};
    const struct producer *producer = producer_state_find(producers, header->producer_id);
    int64_t first_offset = producer != NULL ? producer->transaction_start : -1;
    bool is_marker = transaction_marker_parse(batch, header, &marker) == 0;
    /* Whatever else it says, a control batch of a producer ends its transaction. */
    int rc = producer_state_end_transaction(producers, header, marker.coordinator_epoch, timestamp);
    if (rc == 0 && is_marker && !marker.commit && first_offset >= 0)
        describe_aborted(producers, header, first_offset, aborted);
    return rc;
}

int log_note_producer(struct producer_state *producers, const struct batch_header *header, slice batch,
                      int64_t timestamp, struct aborted_transaction *aborted)
{
    aborted->producer_id = -1;
    if (!batch_has_producer(header))
        return 0;
    if (batch_is_control(header))
        return note_control(producers, header, batch, timestamp, aborted);
    if (header->base_sequence < 0 && !batch_is_transactional(header))
        return 0;
    return producer_state_update(producers, header, timestamp);
}

void log_update_stable_end(struct log *log)
{
    int64_t open = producer_state_first_open_offset(log->producers);
    log->stable_end = open >= 0 && open < log->end ? open : log->end;
    if (log->stable_end < log->start)
        log->stable_end = log->start;
}

/* ---- opening ---- */

/* Entries by the file's size; the last one's marker is in the segment. */
static int load_index(struct log *log, uint32_t i, struct error *error)
{
    struct segment *segment = &log->segments[i];
    struct log_handle handle = {0};
    struct transaction_index_walk walk;
    struct aborted_transaction last = {.last_offset = -1};
    int rc = log_handle_open(&handle, log->environment.disk, log->folder, segment->base_offset,
                             SEGMENT_TRANSACTION_INDEX, FILE_READ, error);
    if (rc != 0)
        return rc;
    rc = transaction_index_count(handle.file, &segment->aborted, error);
    if (rc == 0 && segment->aborted > 0) {
        transaction_index_start(&walk, handle.file, segment->aborted - 1, segment->aborted);
        rc = transaction_index_next(&walk, &last, error);
        bool is_inside = last.last_offset >= segment->base_offset && last.last_offset < log_segment_end_offset(log, i);
        if (rc == 1 && !is_inside)
            rc = error_set(error, FURROW_CORRUPT, "transaction index: offset %" PRId64 " is not of the segment",
                           last.last_offset);
        if (rc == 1)
            log->aborted_end = last.last_offset + 1;
    }
    file_close(handle.file);
    return rc < 0 ? rc : 0;
}

int log_load_aborted(struct log *log, const struct log_folder *found, struct error *error)
{
    uint32_t i = 0;
    for (uint32_t j = 0; j < found->count; j++) {
        if (!found->segments[j].parts[SEGMENT_LOG])
            continue;
        int rc = found->segments[j].parts[SEGMENT_TRANSACTION_INDEX] ? load_index(log, i, error) : 0;
        if (rc != 0)
            return rc;
        i++;
    }
    return 0;
}
