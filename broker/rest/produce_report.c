#include "rest/produce_report.h"

#include "rest/rest_failure.h"
#include "time_text.h"
#include "topics.h"

struct record_sizes record_sizes_of(const struct parsed_record *record)
{
    return (struct record_sizes){(uint32_t)record->key.size, (uint32_t)record->value.size, (uint8_t)record->key_type,
                                 (uint8_t)record->value_type};
}

static void write_part(struct json *json, const char *name, uint8_t type, uint32_t size)
{
    if (type == RECORD_DATA_NONE)
        return;
    json_key(json, name);
    json_begin_object(json);
    json_key(json, "type");
    json_text(json, record_data_type_text((enum record_data_type)type));
    json_key(json, "size");
    json_uint(json, size);
    json_end_object(json);
}

static void write_timestamp(struct json *json, int64_t timestamp)
{
    char text[TIME_TEXT_SIZE];
    json_key(json, "timestamp");
    if (timestamp < 0)
        json_null(json);
    else if (time_print(timestamp, text))
        json_text(json, text);
    else
        json_int(json, timestamp);
}

void produce_report_write_place(struct json *json, const char *cluster_id, const struct topic *topic,
                                const struct produced *produced, const struct record_sizes *sizes)
{
    json_key(json, "cluster_id");
    json_text(json, cluster_id);
    json_key(json, "topic_name");
    json_string(json, topic_name(topic));
    json_key(json, "partition_id");
    json_int(json, produced->partition);
    json_key(json, "offset");
    if (produced->offset >= 0)
        json_int(json, produced->offset);
    else
        json_null(json);
    write_timestamp(json, produced->timestamp);
    write_part(json, "key", sizes->key_type, sizes->key);
    write_part(json, "value", sizes->value_type, sizes->value);
}

void produce_report_write(struct json *json, const char *cluster_id, const struct topic *topic,
                          const struct produced *produced, const struct record_sizes *sizes)
{
    json_key(json, "error_code");
    json_int(json, 200);
    produce_report_write_place(json, cluster_id, topic, produced, sizes);
}

void produce_report_write_error(struct json *json, int error_code, slice message)
{
    json_key(json, "error_code");
    json_int(json, error_code);
    json_key(json, "message");
    json_string(json, message);
}

/* What is the record's own fault says so: REST Proxy calls it a failure of the server. */
int produce_report_error_code(const struct produced *produced)
{
    switch (produced->error) {
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE:
        return 413;
    case KAFKA_INVALID_RECORD:
    case KAFKA_INVALID_TIMESTAMP:
    case KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER: /* of an Idempotency-Key */
        return REST_UNPROCESSABLE;
    default:
        return rest_error_code(produced->error);
    }
}

slice produce_report_error_text(const struct produced *produced)
{
    return produced->words.size != 0 ? produced->words : slice_of_text(rest_error_text(produced->error));
}

void produce_report_write_failure(struct json *json, const struct produced *produced)
{
    produce_report_write_error(json, produce_report_error_code(produced), produce_report_error_text(produced));
}
