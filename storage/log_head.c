#include "log_private.h"

void log_head_init(struct log_head *head, int64_t base_offset, int64_t now)
{
    offset_index_init(&head->index, base_offset);
    time_index_init(&head->times, base_offset);
    head->largest = head->times.last;
    head->first_timestamp = BATCH_NO_TIMESTAMP;
    head->created = now;
    head->bytes_since_index = 0;
}

bool log_head_wants_flush(const struct log_tails *tails)
{
    return offset_index_tail_is_full(&tails->index) || time_index_tail_is_full(&tails->times);
}

void log_head_note(struct log_head *head, struct log_tails *tails, int32_t interval_bytes,
                   const struct batch_header *header, uint32_t position)
{
    int64_t last_offset = batch_last_offset(header);
    if (header->count > 0 && header->max_timestamp > head->largest.timestamp) /* compaction leaves empty ones */
        head->largest = (struct time_offset){header->max_timestamp, last_offset};
    if (position == 0)
        head->first_timestamp = header->max_timestamp;
    if (head->bytes_since_index > (uint32_t)interval_bytes) {
        (void)offset_index_add(&head->index, &tails->index, last_offset, position);
        (void)time_index_add(&head->times, &tails->times, head->largest.timestamp, head->largest.offset);
        head->bytes_since_index = 0;
    }
    head->bytes_since_index += (uint32_t)batch_size(header);
}

bool log_head_note_end(struct log_head *head, struct log_tails *tails)
{
    return time_index_add(&head->times, &tails->times, head->largest.timestamp, head->largest.offset);
}

static int flush_part(struct log_head *head, struct log_tails *tails, struct disk *disk, const char *folder,
                      enum segment_part part, bool sync, struct error *error)
{
    struct log_handle handle = {0};
    int rc = log_handle_open(&handle, disk, folder, head->index.base_offset, part, FILE_CREATE, error);
    if (rc != 0)
        return rc;
    if (part == SEGMENT_OFFSET_INDEX)
        rc = offset_index_flush(&head->index, &tails->index, handle.file, error);
    else
        rc = time_index_flush(&head->times, &tails->times, handle.file, error);
    if (rc == 0 && sync)
        rc = file_sync(handle.file, error);
    file_close(handle.file);
    return rc;
}

int log_head_flush(struct log_head *head, struct log_tails *tails, struct disk *disk, const char *folder, bool sync,
                   struct error *error)
{
    int rc = flush_part(head, tails, disk, folder, SEGMENT_OFFSET_INDEX, sync, error);
    return rc == 0 ? flush_part(head, tails, disk, folder, SEGMENT_TIME_INDEX, sync, error) : rc;
}
