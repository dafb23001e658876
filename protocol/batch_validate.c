#include "batch_validate.h"

#include "batch_iterator.h"

#include <inttypes.h>

/* Which of the two is to blame: what the CRC covers is what the sender made. */
static int blame(slice bytes, const struct batch_header *header, struct batch_report *report, int rc,
                 struct error *error)
{
    bool is_parsed = header->magic == BATCH_MAGIC && bytes.size >= BATCH_HEADER_SIZE &&
                     header->length >= BATCH_HEADER_SIZE - BATCH_LENGTH_OFFSET;
    if (rc != FURROW_CORRUPT || !is_parsed)
        return rc;
    report->whole = bytes.size == batch_size(header) && batch_crc_matches(bytes, header);
    if (!report->whole)
        return rc;
    if (error != NULL)
        error->code = FURROW_MALFORMED;
    return FURROW_MALFORMED;
}

static int check_header(slice bytes, const struct batch_rules *rules, struct batch_report *report, struct error *error)
{
    struct batch_header *header = &report->header;
    int rc = batch_parse_header(bytes, header, error);
    if (rc != 0)
        return blame(bytes, header, report, rc, error);
    size_t size = batch_size(header);
    if (bytes.size < size)
        return error_set(error, FURROW_MALFORMED, "the batch ends early");
    if (bytes.size > size && !batch_crc_matches(slice_of(bytes.data, size), header))
        return error_set(error, FURROW_CORRUPT, "the length of the batch is wrong, or its CRC does not match");
    if (bytes.size > size)
        return error_set(error, FURROW_MALFORMED, "more than one batch for a partition");
    if (bytes.size > rules->max_bytes)
        return error_set(error, FURROW_TOO_LARGE, "a batch of %zu bytes is larger than the limit of %zu", bytes.size,
                         rules->max_bytes);
    if (!batch_crc_matches(bytes, header))
        return error_set(error, FURROW_CORRUPT, "the CRC of the batch does not match");
    report->whole = true;
    return 0;
}

static int check_meaning(const struct batch_header *header, struct error *error)
{
    if (batch_codec(header) >= CODECS)
        return error_set(error, FURROW_UNSUPPORTED, "codec %d is unknown", batch_codec(header));
    if (header->count == 0)
        return error_set(error, FURROW_MALFORMED, "the batch has no records");
    if (header->count - 1 != header->last_offset_delta)
        return error_set(error, FURROW_MALFORMED, "%" PRId32 " records do not end at offset delta %" PRId32,
                         header->count, header->last_offset_delta);
    if (batch_has_producer(header) && (header->producer_epoch < 0 || header->base_sequence < 0))
        return error_set(error, FURROW_MALFORMED, "producer %" PRId64 " has epoch %d and sequence %" PRId32,
                         header->producer_id, header->producer_epoch, header->base_sequence);
    if (batch_is_transactional(header) && !batch_has_producer(header))
        return error_set(error, FURROW_MALFORMED, "a transactional batch without a producer id");
    return 0;
}

static int check_record(const struct record *record, int32_t index, const struct batch_rules *rules,
                        struct batch_report *report, struct error *error)
{
    const char *wrong = NULL;
    if (record->offset - report->header.base_offset != index)
        wrong = "its offset delta does not follow the one before";
    else if (rules->keys_required && slice_is_null(record->key))
        wrong = "a compacted topic needs a key";
    if (wrong != NULL) {
        report->bad_record = index;
        return error_set(error, FURROW_MALFORMED, "record %" PRId32 ": %s", index, wrong);
    }
    if (index == 0 || record->timestamp > report->walked_max_timestamp)
        report->walked_max_timestamp = record->timestamp;
    return 0;
}

static int walk(slice bytes, const struct batch_rules *rules, struct batch_report *report, struct error *error)
{
    struct batch_iterator it;
    int rc = batch_iterator_open(&it, bytes, rules->memory, rules->max_uncompressed, error);
    if (rc != 0)
        return rc;
    struct record record;
    int32_t index = 0; /* no offset is counted up: the last one may be INT64_MAX */
    while ((rc = batch_iterator_next(&it, &record, error)) == 1) {
        rc = check_record(&record, index++, rules, report, error);
        if (rc != 0)
            break;
    }
    if (rc == FURROW_MALFORMED && report->bad_record < 0 && it.index < it.header.count)
        report->bad_record = it.index;
    report->walked = rc == 0;
    batch_iterator_close(&it);
    return rc;
}

int batch_validate(slice bytes, const struct batch_rules *rules, struct batch_report *report, struct error *error)
{
    *report = (struct batch_report){.bad_record = -1};
    int rc = check_header(bytes, rules, report, error);
    if (rc == 0)
        rc = check_meaning(&report->header, error);
    if (rc != 0)
        return rc;
    if (batch_codec(&report->header) != CODEC_NONE && !rules->open_compressed)
        return 0;
    return walk(bytes, rules, report, error);
}
