/* Forming a write: which batches of the queue it takes, and where they go.
 *
 * Rolling, as Kafka's LogSegment.shouldRoll: the batch does not fit, the segment is older than segment.ms by the
 * timestamps of its batches (by the clock when they have none), an index is full, or the offset is too far from the
 * segment's base. */
#include "log_write_job.h"
#include "transaction_marker.h"

/* ---- index entries ---- */

/* Moves what is in the copied tail to the bytes that go to the file with this write. */
static int take_index_tail(struct log_write *write, struct log_index_write *to)
{
    struct offset_index *index = &write->head.index;
    struct offset_index_tail *tail = &write->tails.index;
    if (to->bytes.size == 0) {
        to->base_offset = write->base_offset;
        to->part = SEGMENT_OFFSET_INDEX;
        to->position = offset_index_file_bytes(index);
    }
    uint8_t bytes[OFFSET_INDEX_TAIL_MAX * OFFSET_INDEX_ENTRY_SIZE];
    write_bytes(&to->bytes, slice_of(bytes, offset_index_encode(tail, bytes)));
    offset_index_flushed(index, tail, tail->count);
    return writer_ok(&to->bytes) ? 0 : -ENOMEM;
}

static int take_times_tail(struct log_write *write, struct log_index_write *to)
{
    struct time_index *times = &write->head.times;
    struct time_index_tail *tail = &write->tails.times;
    if (to->bytes.size == 0) {
        to->base_offset = write->base_offset;
        to->part = SEGMENT_TIME_INDEX;
        to->position = time_index_file_bytes(times);
    }
    uint8_t bytes[TIME_INDEX_TAIL_MAX * TIME_INDEX_ENTRY_SIZE];
    write_bytes(&to->bytes, slice_of(bytes, time_index_encode(tail, bytes)));
    time_index_flushed(times, tail, tail->count);
    return writer_ok(&to->bytes) ? 0 : -ENOMEM;
}

/* Room in both tails for one more entry. */
static int reserve_index_entry(struct log_write *write)
{
    if (offset_index_tail_is_full(&write->tails.index) && take_index_tail(write, &write->indexes[INDEX_NEW]) != 0)
        return -ENOMEM;
    if (time_index_tail_is_full(&write->tails.times) && take_times_tail(write, &write->indexes[TIMES_NEW]) != 0)
        return -ENOMEM;
    return 0;
}

/* Room for the entry of a transaction that a marker may abort. */
static int reserve_aborted(struct log_write *write, const struct batch_header *header)
{
    writer *bytes = &write->indexes[ABORTED].bytes;
    size_t size = bytes->size;
    if (!batch_is_control(header))
        return 0;
    if (writer_extend(bytes, TRANSACTION_INDEX_ENTRY_SIZE) == NULL)
        return -ENOMEM;
    writer_cut(bytes, size);
    return 0;
}

static void take_aborted(struct log_write *write, const struct aborted_transaction *aborted)
{
    struct log_index_write *to = &write->indexes[ABORTED];
    uint8_t bytes[TRANSACTION_INDEX_ENTRY_SIZE];
    if (aborted->producer_id < 0)
        return;
    if (to->bytes.size == 0) {
        to->base_offset = write->base_offset;
        to->part = SEGMENT_TRANSACTION_INDEX;
        to->position = (uint64_t)write->aborted * TRANSACTION_INDEX_ENTRY_SIZE;
    }
    transaction_index_encode(aborted, bytes);
    write_bytes(&to->bytes, slice_of(bytes, sizeof bytes));
    write->aborted++;
    write->aborted_end = aborted->last_offset + 1;
}

/* ---- rolling ---- */

/* How old this segment may become. The part that is taken off looks random but stays the same over restarts: it is
 * worked out from the segment's name (FNV-1a). */
static int64_t segment_age(const struct log *log, int64_t base_offset)
{
    const struct log_config *config = &log->config;
    int64_t most = config->segment_jitter_ms < config->segment_ms ? config->segment_jitter_ms : config->segment_ms;
    if (most <= 0)
        return config->segment_ms;
    uint64_t hash = 14695981039346656037U;
    for (const char *at = log->folder; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 1099511628211U;
    for (int shift = 0; shift < 64; shift += 8)
        hash = (hash ^ (((uint64_t)base_offset >> shift) & 0xff)) * 1099511628211U;
    return config->segment_ms - (int64_t)((hash ^ (hash >> 32)) % (uint64_t)most);
}

static bool must_roll(const struct log *log, const struct log_write *write, const struct batch_header *header,
                      int64_t now)
{
    const struct log_head *head = &write->head;
    const struct log_config *config = &log->config;
    uint64_t size = (uint64_t)write->position + write->size;
    if (size == 0)
        return false;
    if (size + batch_size(header) > (uint64_t)config->segment_bytes)
        return true;
    int64_t since = head->first_timestamp >= 0 ? head->first_timestamp : head->created;
    int64_t until = head->first_timestamp >= 0 ? header->max_timestamp : now;
    if (until > since && until - since > segment_age(log, write->base_offset))
        return true;
    uint32_t index_entries = head->index.entries + write->tails.index.count;
    uint32_t time_entries = head->times.entries + write->tails.times.count;
    return index_entries >= (uint32_t)config->segment_index_bytes / OFFSET_INDEX_ENTRY_SIZE ||
           time_entries + 1 >= (uint32_t)config->segment_index_bytes / TIME_INDEX_ENTRY_SIZE ||
           offset_index_is_far(&head->index, batch_last_offset(header));
}

int log_write_roll(struct log *log, struct log_write *write, int64_t now)
{
    if (log_reserve_segment(log) != 0)
        return -ENOMEM;
    if (time_index_tail_is_full(&write->tails.times) && take_times_tail(write, &write->indexes[TIMES_OLD]) != 0)
        return -ENOMEM;
    (void)log_head_note_end(&write->head, &write->tails);
    if (take_index_tail(write, &write->indexes[INDEX_OLD]) != 0 ||
        take_times_tail(write, &write->indexes[TIMES_OLD]) != 0)
        return -ENOMEM;
    write->indexes[INDEX_OLD].cut = true;
    write->indexes[TIMES_OLD].cut = true;
    write->old_base = write->base_offset;
    write->old_size = write->position;
    write->old_aborted = write->aborted;
    producer_state_write(log->producers, &write->snapshot);
    if (!writer_ok(&write->snapshot))
        return -ENOMEM;

    write->rolled = true;
    write->base_offset = log->end;
    write->position = 0;
    write->aborted = 0;
    log_head_init(&write->head, log->end, now);
    write->tails.index.count = 0;
    write->tails.times.count = 0;
    return 0;
}

/* ---- taking from the queue ---- */

static int reserve_part(struct log_write *write)
{
    if (write->part_count < write->part_capacity)
        return 0;
    int capacity = write->part_capacity != 0 ? write->part_capacity * 4 : 4;
    struct iovec *parts =
        memory_realloc(write->memory, MEMORY_LOGS, write->parts, (size_t)write->part_capacity * sizeof *parts,
                       (size_t)capacity * sizeof *parts);
    if (parts == NULL)
        return -ENOMEM;
    write->parts = parts;
    write->part_capacity = capacity;
    return 0;
}

static void add_part(struct log_write *write, const struct log_append *append)
{
    if (write->part_count > 0) {
        struct iovec *last = &write->parts[write->part_count - 1];
        if ((uint8_t *)last->iov_base + last->iov_len == append->batch) {
            last->iov_len += append->size;
            return;
        }
    }
    write->parts[write->part_count++] = (struct iovec){append->batch, append->size};
}

static void take_append(struct log_write *write, struct log_append **queue)
{
    struct log_append *append = *queue;
    *queue = append->next;
    append->next = NULL;
    *write->appends_tail = append;
    write->appends_tail = &append->next;
}

static int check_epochs(const struct log *log, const struct log_append *append)
{
    const struct batch_header *header = &append->header;
    const struct producer *producer = producer_state_find(log->producers, header->producer_id);
    struct transaction_marker marker;
    if (producer == NULL)
        return 0;
    if (header->producer_epoch < producer->epoch)
        return FURROW_STALE_PRODUCER_EPOCH;
    bool is_marker = batch_is_control(header) &&
                     transaction_marker_parse(slice_of(append->batch, append->size), header, &marker) == 0;
    return is_marker && marker.coordinator_epoch < producer->coordinator_epoch ? FURROW_STALE_COORDINATOR_EPOCH : 0;
}

/* 0 when it may be appended. */
static int check_append(const struct log *log, const struct log_append *append, int64_t *earlier_offset)
{
    if (append->size > (uint64_t)log->config.segment_bytes)
        return FURROW_TOO_LARGE;
    if (!batch_has_producer(&append->header))
        return 0;
    if (append->is_trusted || batch_is_control(&append->header))
        return check_epochs(log, append);
    return producer_state_check(log->producers, &append->header, earlier_offset, NULL);
}

static bool is_full(const struct log_write *write, const struct log_append *append)
{
    return write->part_count >= LOG_WRITE_MAX_PARTS ||
           (write->size > 0 && (uint64_t)write->size + append->size > LOG_WRITE_MAX_BYTES);
}

static int accept_append(struct log *log, struct log_write *write, struct log_append *append, int64_t now)
{
    struct batch_header *header = &append->header;
    if (write->size == 0 && must_roll(log, write, header, now) && log_write_roll(log, write, now) != 0)
        return -ENOMEM;
    struct aborted_transaction aborted;
    if (reserve_part(write) != 0 || reserve_index_entry(write) != 0 || reserve_aborted(write, header) != 0)
        return -ENOMEM;
    int rc = log_note_producer(log->producers, header, slice_of(append->batch, append->size), now, &aborted);
    if (rc != 0)
        return rc;
    /* From here on nothing can fail: a batch is in the write as a whole or not at all. */
    add_part(write, append);
    take_aborted(write, &aborted);
    log_head_note(&write->head, &write->tails, log->config.index_interval_bytes, header, write->position + write->size);
    batch_stamp_offset(append->batch, header->base_offset, header->leader_epoch);
    append->base_offset = header->base_offset;
    append->status = 0;
    write->size += (uint32_t)append->size;
    write->end = batch_last_offset(header) + 1;
    return 0;
}

/* 1: taken; 0: the run ends before it. */
static int take_next(struct log *log, struct log_write *write, struct log_append **queue, int64_t now)
{
    struct log_append *append = *queue;
    int64_t earlier_offset = -1;
    int refused = check_append(log, append, &earlier_offset);
    if (refused != 0) {
        append->status = refused;
        append->base_offset = earlier_offset;
        take_append(write, queue);
        return 1;
    }
    append->header.base_offset = write->end;
    append->header.leader_epoch = log->leader_epoch;
    if (is_full(write, append) || (write->size > 0 && must_roll(log, write, &append->header, now)))
        return 0;
    int rc = accept_append(log, write, append, now);
    if (rc != 0)
        return rc;
    take_append(write, queue);
    return 1;
}

int log_write_fill(struct log *log, struct log_write *write, struct log_append **queue, int64_t now)
{
    producer_state_begin(log->producers);
    int rc = 1;
    while (rc > 0 && *queue != NULL)
        rc = take_next(log, write, queue, now);
    if (write->size > 0 && rc <= 0)
        return 0; /* what was taken so far is written; the rest may have memory next time */
    return rc < 0 ? rc : 0;
}
