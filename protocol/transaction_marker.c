#include "transaction_marker.h"

#include "batch_builder.h"
#include "batch_iterator.h"

enum marker_type { MARKER_ABORT = 0, MARKER_COMMIT = 1 };

void transaction_marker_write(const struct transaction_marker *marker, writer *w)
{
    uint8_t key[4];
    uint8_t value[6];
    store_u16(key, 0);
    store_u16(key + 2, marker->commit ? MARKER_COMMIT : MARKER_ABORT);
    store_u16(value, 0);
    store_u32(value + 2, (uint32_t)marker->coordinator_epoch);

    struct batch_options options = BATCH_OPTIONS_PLAIN;
    options.attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL;
    options.producer_id = marker->producer_id;
    options.producer_epoch = marker->producer_epoch;
    struct batch_builder builder;
    batch_builder_open(&builder, w, &options);
    batch_builder_add(&builder, marker->timestamp, slice_of(key, sizeof key), slice_of(value, sizeof value));
    int rc = batch_builder_close(&builder, NULL);
    (void)rc; /* of so few bytes nothing fails but the writer, which keeps that */
}

static int parse_record(const struct record *record, struct transaction_marker *marker)
{
    reader key = reader_of(record->key);
    int16_t version = read_i16(&key);
    int16_t type = read_i16(&key);
    if (!reader_ok(&key) || version < 0 || (type != MARKER_ABORT && type != MARKER_COMMIT))
        return FURROW_MALFORMED;
    reader value = reader_of(record->value);
    (void)read_i16(&value);
    int32_t epoch = read_i32(&value);
    marker->coordinator_epoch = reader_ok(&value) ? epoch : -1;
    marker->commit = type == MARKER_COMMIT;
    marker->timestamp = record->timestamp;
    return 0;
}

int transaction_marker_parse(slice batch, const struct batch_header *header, struct transaction_marker *marker)
{
    struct batch_iterator it;
    if (!batch_is_control(header) || !batch_has_producer(header) || batch_codec(header) != CODEC_NONE ||
        batch_iterator_open(&it, batch, NULL, batch.size, NULL) != 0)
        return FURROW_MALFORMED;
    struct record record;
    int rc = batch_iterator_next(&it, &record, NULL) == 1 ? parse_record(&record, marker) : FURROW_MALFORMED;
    batch_iterator_close(&it);
    marker->producer_id = header->producer_id;
    marker->producer_epoch = header->producer_epoch;
    return rc;
}
