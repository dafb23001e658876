/* Records as REST's dialects write them, read: the fields of one JSON object, its key, value and headers as bytes.
 *
 * Which fields there may be is the dialect's to say; those of a line are what record_form.h writes. Where nothing is
 * escaped or encoded, slices are borrowed from the text. */
#pragma once

#include "arena.h"
#include "json_read.h"
#include "record.h"

enum record_dialect {
    RECORD_OF_V2_BINARY, /* partition, key and value: base64 */
    RECORD_OF_V2_JSON,   /* partition, key and value: any JSON */
    RECORD_OF_V3,        /* partition_id, timestamp, headers, key and value with a type (record_form.h) */
    RECORD_OF_V3_BATCH,  /* that and an id */
    RECORD_OF_LINE,      /* as record_form.h writes it; key and value may be plain strings too */
};

/* "type", as v3 knows it. */
enum record_data_type { RECORD_DATA_NONE, RECORD_DATA_BINARY, RECORD_DATA_JSON, RECORD_DATA_STRING };

struct parsed_record {
    int32_t partition; /* -1: none was named */
    bool has_timestamp;
    int64_t timestamp; /* ms; -1: the record has none */
    slice key, value;  /* may be null */
    enum record_data_type key_type, value_type;
    const struct record_header *headers;
    size_t header_count;
    slice id; /* of a batch's entry; null without one */
};

#define RECORD_BAD_ID 422

/* 0, or the error_code of REST with words; an entry's id is read in any case, when it is one. What is not borrowed is
 * in the arena. */
MUST_USE int record_parse(const struct json_value *object, enum record_dialect dialect, struct arena *arena,
                          struct parsed_record *record, struct error *error);

/* Of a line: it is no record but a mark, which followers get between records. */
bool record_is_mark(const struct json_value *object);

const char *record_data_type_text(enum record_data_type type);
