/* Kafka's .snapshot file (ProducerStateManager): what producer_state.h says of it, as bytes. */
#include "crc32c.h"
#include "producer_state.h"
#include "reader.h"

#include <errno.h>
#include <inttypes.h>

#define SNAPSHOT_VERSION 1
#define CRC_POSITION     2 /* the CRC covers all that follows it */
#define CRC_START        6
#define ENTRY_SIZE       46

static int write_producer(void *context, const struct producer *producer)
{
    writer *w = context;
    struct producer_batch last = {.last_offset = -1, .last_sequence = BATCH_NO_SEQUENCE};
    if (producer->batch_count != 0)
        last = producer->batches[producer->batch_count - 1];
    write_i64(w, producer->id);
    write_i16(w, producer->epoch);
    write_i32(w, last.last_sequence);
    write_i64(w, last.last_offset);
    write_i32(w, last.offset_delta);
    write_i64(w, producer->timestamp);
    write_i32(w, producer->coordinator_epoch);
    write_i64(w, producer->transaction_start);
    return 0;
}

void producer_state_write(const struct producer_state *state, writer *w)
{
    size_t start = w->size;
    write_i16(w, SNAPSHOT_VERSION);
    write_u32(w, 0);
    write_u32(w, producer_state_count(state));
    producer_state_list(state, write_producer, w);
    if (writer_ok(w))
        writer_set_u32(w, start + CRC_POSITION, crc32c(0, w->data + start + CRC_START, w->size - start - CRC_START));
}

static bool read_producer(reader *r, struct producer *producer)
{
    struct producer_batch *last = &producer->batches[0];
    producer->id = read_i64(r);
    producer->epoch = read_i16(r);
    last->last_sequence = read_i32(r);
    last->last_offset = read_i64(r);
    last->offset_delta = read_i32(r);
    producer->timestamp = read_i64(r);
    producer->coordinator_epoch = read_i32(r);
    producer->transaction_start = read_i64(r);
    producer->batch_count = last->last_offset >= 0;
    return reader_ok(r) && producer->id >= 0 && last->offset_delta >= 0 &&
           (producer->batch_count == 0 || (last->offset_delta <= last->last_offset && last->last_sequence >= -1));
}

int producer_state_parse(struct producer_state *state, slice snapshot, int64_t now, int64_t expiry_ms,
                         struct error *error)
{
    producer_state_clear(state);
    reader r = reader_of(snapshot);
    int16_t version = read_i16(&r);
    uint32_t crc = read_u32(&r);
    uint32_t count = read_u32(&r);
    if (!reader_ok(&r))
        return error_set(error, FURROW_CORRUPT, "producer snapshot: %zu bytes are too few", snapshot.size);
    if (version != SNAPSHOT_VERSION)
        return error_set(error, FURROW_WRONG_VERSION, "producer snapshot: version %d, expected %d", version,
                         SNAPSHOT_VERSION);
    if (crc != crc32c(0, snapshot.data + CRC_START, snapshot.size - CRC_START))
        return error_set(error, FURROW_CORRUPT, "producer snapshot: the CRC is wrong");
    if (reader_left(&r) / ENTRY_SIZE != count || reader_left(&r) % ENTRY_SIZE != 0)
        return error_set(error, FURROW_CORRUPT, "producer snapshot: %zu bytes for %" PRIu32 " producers", snapshot.size,
                         count);
    for (uint32_t i = 0; i < count; i++) {
        struct producer producer = {0};
        int rc = read_producer(&r, &producer) ? producer_state_restore(state, &producer) : FURROW_CORRUPT;
        if (rc != 0) {
            producer_state_clear(state);
            return error_set_status(error, rc, "producer snapshot: entry %" PRIu32, i);
        }
    }
    producer_state_expire(state, now, expiry_ms);
    return 0;
}
