/* What REST v3 says of one record that was to be written. */
#pragma once

#include "json.h"
#include "rest/record_producer.h"

/* Of the record as it was sent, for the report. */
struct record_sizes {
    uint32_t key, value;          /* bytes */
    uint8_t key_type, value_type; /* enum record_data_type; NONE: there was none */
};

struct record_sizes record_sizes_of(const struct parsed_record *record);

/* Members of an object: where the record is, and what it is like. */
void produce_report_write_place(struct json *json, const char *cluster_id, const struct topic *topic,
                                const struct produced *produced, const struct record_sizes *sizes);
/* The same behind error_code 200. */
void produce_report_write(struct json *json, const char *cluster_id, const struct topic *topic,
                          const struct produced *produced, const struct record_sizes *sizes);
/* error_code and message. */
void produce_report_write_error(struct json *json, int error_code, slice message);
/* Of a record that was not written: REST's error_code of it. */
int produce_report_error_code(const struct produced *produced);
slice produce_report_error_text(const struct produced *produced);
void produce_report_write_failure(struct json *json, const struct produced *produced);
