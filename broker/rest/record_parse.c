#include "rest/record_parse.h"

#include "base64.h"
#include "json.h"
#include "rest/rest_failure.h"
#include "time_text.h"

#include <stdio.h>

#define BAD_REQUEST    400
#define BAD_CONVERSION 42203 /* v2: what is in a record is not in the format of the request */
#define BAD_PAYLOAD    REST_NO_PAYLOAD
#define NAME_SHOWN     60 /* bytes of a name in words */

static bool is_v2(enum record_dialect dialect)
{
    return dialect == RECORD_OF_V2_BINARY || dialect == RECORD_OF_V2_JSON;
}

const char *record_data_type_text(enum record_data_type type)
{
    static const char *const texts[] = {"NONE", "BINARY", "JSON", "STRING"};
    return texts[type];
}

bool record_is_mark(const struct json_value *object)
{
    return json_value_member(object, "mark") != NULL;
}

static int refuse_memory(struct error *error)
{
    return error_set(error, REST_NO_MEMORY, "out of memory");
}

static bool is_named(const struct json_value *key, const char *name)
{
    return json_value_equal(key, slice_of_text(name));
}

/* ---- bytes ---- */

static int take_string(const struct json_value *value, struct arena *arena, slice *bytes, struct error *error)
{
    *bytes = json_value_string(value, arena);
    return slice_is_null(*bytes) ? refuse_memory(error) : 0;
}

/* 0, -1 when it is no base64, or refuse_memory's. */
static int take_base64(const struct json_value *value, struct arena *arena, slice *bytes, struct error *error)
{
    slice text;
    if (value->kind != JSON_STRING)
        return -1;
    int rc = take_string(value, arena, &text, error);
    if (rc != 0)
        return rc;
    size_t size;
    uint8_t *to = arena_alloc(arena, base64_decoded_max(text.size) + 1);
    if (to == NULL)
        return refuse_memory(error);
    if (!base64_decode(text, to, &size))
        return -1;
    *bytes = slice_of(to, size);
    return 0;
}

static int take_json(const struct json_value *value, struct arena *arena, slice *bytes, struct error *error)
{
    slice text = json_value_raw(value);
    uint8_t *to = arena_alloc(arena, text.size);
    if (to == NULL)
        return refuse_memory(error);
    *bytes = slice_of(to, json_compact(text, to));
    return 0;
}

/* Numbers and truth values are taken for the text that they are written in, as REST Proxy does. */
static int take_text(const struct json_value *value, const char *name, struct arena *arena, slice *bytes,
                     struct error *error)
{
    if (value->kind == JSON_STRING)
        return take_string(value, arena, bytes, error);
    if (value->kind == JSON_ARRAY || value->kind == JSON_OBJECT)
        return error_set(error, BAD_REQUEST, "Bad Request: %s: data of the type STRING must be a string", name);
    *bytes = json_value_raw(value);
    return 0;
}

static int take_data(const struct json_value *value, const char *name, enum record_data_type type, struct arena *arena,
                     slice *bytes, struct error *error)
{
    if (value->kind == JSON_NULL)
        return 0;
    if (type == RECORD_DATA_JSON)
        return take_json(value, arena, bytes, error);
    if (type == RECORD_DATA_STRING)
        return take_text(value, name, arena, bytes, error);
    int rc = take_base64(value, arena, bytes, error);
    return rc >= 0 ? rc : error_set(error, BAD_REQUEST, "Bad Request: %s: data is not base64", name);
}

/* ---- keys and values that say their type ---- */

static int take_type(const struct json_value *value, const char *name, enum record_data_type *type, struct error *error)
{
    static const char *const of_schemas[] = {"AVRO", "JSONSCHEMA", "PROTOBUF"};
    for (int known = RECORD_DATA_BINARY; known <= RECORD_DATA_STRING; known++) {
        if (is_named(value, record_data_type_text((enum record_data_type)known))) {
            *type = (enum record_data_type)known;
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof of_schemas / sizeof of_schemas[0]; i++)
        if (is_named(value, of_schemas[i]))
            return error_set(error, BAD_PAYLOAD,
                             "Payload error. Schema Registry must be configured when using schemas.");
    return error_set(error, BAD_REQUEST, "Bad Request: %s: type must be BINARY, JSON or STRING", name);
}

static int refuse_field(const struct json_value *key, enum record_dialect dialect, struct error *error)
{
    slice name = json_value_raw(key); /* with its quotes */
    if (name.size > NAME_SHOWN)
        name.size = NAME_SHOWN;
    if (is_v2(dialect))
        return error_set(error, REST_UNPROCESSABLE, "Unrecognized field: %.*s", (int)key->size, key->text);
    return error_set(error, BAD_REQUEST, "Bad Request: Error processing JSON: Unrecognized field %.*s",
                     SLICE_PRINT(name));
}

static bool is_of_schema(const struct json_value *key)
{
    static const char *const names[] = {"subject", "subject_name_strategy", "schema_id", "schema_version", "schema"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is_named(key, names[i]))
            return true;
    return false;
}

static int take_typed(const struct json_value *object, const char *name, enum record_dialect dialect,
                      struct arena *arena, slice *bytes, enum record_data_type *type, struct error *error)
{
    const struct json_value *data = NULL, *key = object + 1;
    *type = RECORD_DATA_NONE;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < object->count; i++, key = json_value_after(key + 1)) {
        if (is_named(key, "data"))
            data = key + 1;
        else if (is_named(key, "type"))
            rc = take_type(key + 1, name, type, error);
        else if (is_of_schema(key))
            rc = error_set(error, BAD_PAYLOAD, "Payload error. Schema Registry must be configured when using schemas.");
        else
            rc = refuse_field(key, dialect, error);
    }
    if (rc != 0)
        return rc;
    if (*type == RECORD_DATA_NONE)
        return error_set(error, BAD_PAYLOAD,
                         "Payload error. Type must be specified when the server is configured without a Schema "
                         "Registry.");
    if (data == NULL)
        return error_set(error, BAD_REQUEST, "Bad Request: %s: data is missing", name);
    return take_data(data, name, *type, arena, bytes, error);
}

static int take_part(const struct json_value *value, const char *name, enum record_dialect dialect, struct arena *arena,
                     slice *bytes, enum record_data_type *type, struct error *error)
{
    *bytes = NULL_SLICE;
    *type = RECORD_DATA_NONE;
    if (value->kind == JSON_NULL)
        return 0;
    if (dialect == RECORD_OF_V2_JSON)
        return take_json(value, arena, bytes, error);
    if (dialect == RECORD_OF_V2_BINARY) {
        int rc = take_base64(value, arena, bytes, error);
        return rc >= 0 ? rc
                       : error_set(error, BAD_CONVERSION,
                                   "Conversion of JSON to Object failed: the %s is not base64 in a string", name);
    }
    if (value->kind == JSON_OBJECT)
        return take_typed(value, name, dialect, arena, bytes, type, error);
    if (dialect != RECORD_OF_LINE || value->kind != JSON_STRING)
        return error_set(error, BAD_REQUEST, "Bad Request: %s must be an object of type and data", name);
    *type = RECORD_DATA_STRING;
    return take_string(value, arena, bytes, error);
}

/* ---- the other fields ---- */

static int take_header(const struct json_value *object, enum record_dialect dialect, struct arena *arena,
                       struct record_header *header, struct error *error)
{
    *header = (struct record_header){NULL_SLICE, NULL_SLICE};
    if (object->kind != JSON_OBJECT)
        return error_set(error, BAD_REQUEST, "Bad Request: a header must be an object of name and value");
    const struct json_value *key = object + 1;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < object->count; i++, key = json_value_after(key + 1)) {
        const struct json_value *value = key + 1;
        header->value = is_named(key, "value") ? NULL_SLICE : header->value;
        if (is_named(key, "name") && value->kind == JSON_STRING)
            rc = take_string(value, arena, &header->key, error);
        else if (is_named(key, "value") && value->kind != JSON_NULL)
            rc = take_base64(value, arena, &header->value, error);
        else if (!is_named(key, "name") && !is_named(key, "value"))
            rc = refuse_field(key, dialect, error);
    }
    if (rc < 0)
        return error_set(error, BAD_REQUEST, "Bad Request: the value of a header is not base64");
    if (rc == 0 && slice_is_null(header->key))
        return error_set(error, BAD_REQUEST, "Bad Request: a header has no name");
    return rc;
}

static int take_headers(const struct json_value *list, enum record_dialect dialect, struct arena *arena,
                        struct parsed_record *record, struct error *error)
{
    record->headers = NULL;
    record->header_count = 0;
    if (list->kind == JSON_NULL)
        return 0;
    if (list->kind != JSON_ARRAY)
        return error_set(error, BAD_REQUEST, "Bad Request: headers must be a list");
    struct record_header *headers = arena_alloc(arena, list->count * sizeof *headers);
    if (headers == NULL)
        return refuse_memory(error);
    const struct json_value *element = list + 1;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < list->count; i++, element = json_value_after(element))
        rc = take_header(element, dialect, arena, &headers[i], error);
    record->headers = headers;
    record->header_count = list->count;
    return rc;
}

static int take_timestamp(const struct json_value *value, enum record_dialect dialect, struct parsed_record *record,
                          struct error *error)
{
    record->has_timestamp = true;
    record->timestamp = -1;
    if (value->kind == JSON_NULL) {
        record->has_timestamp = dialect == RECORD_OF_LINE;
        return 0;
    }
    bool is_moment = value->kind == JSON_STRING && !value->has_escapes &&
                     time_parse(slice_of(value->text, value->size), &record->timestamp);
    if (is_moment || (value->kind == JSON_NUMBER && json_value_int64(value, &record->timestamp)))
        return 0;
    return error_set(error, BAD_REQUEST, "Bad Request: timestamp is neither RFC 3339 nor milliseconds since 1970");
}

static int take_partition(const struct json_value *value, const char *name, struct parsed_record *record,
                          struct error *error)
{
    int64_t number;
    record->partition = -1;
    if (value->kind == JSON_NULL)
        return 0;
    if (!json_value_int64(value, &number) || number < 0 || number > INT32_MAX)
        return error_set(error, BAD_REQUEST, "Bad Request: %s must be a number from 0 to 2147483647", name);
    record->partition = (int32_t)number;
    return 0;
}

/* ---- the record ---- */

/* Fields that say nothing here: an entry's id, and of a line where it was read; the request says where it goes. */
static bool is_passed_over(const struct json_value *key, enum record_dialect dialect)
{
    if (dialect == RECORD_OF_V3_BATCH)
        return is_named(key, "id");
    return dialect == RECORD_OF_LINE &&
           (is_named(key, "topic_name") || is_named(key, "offset") || is_named(key, "timestamp_type"));
}

static int take_field(const struct json_value *key, enum record_dialect dialect, struct arena *arena,
                      struct parsed_record *record, struct error *error)
{
    const struct json_value *value = key + 1;
    if (is_named(key, "value"))
        return take_part(value, "value", dialect, arena, &record->value, &record->value_type, error);
    if (is_named(key, "key"))
        return take_part(value, "key", dialect, arena, &record->key, &record->key_type, error);
    const char *partition = is_v2(dialect) ? "partition" : "partition_id";
    if (is_named(key, partition))
        return take_partition(value, partition, record, error);
    if (is_v2(dialect))
        return refuse_field(key, dialect, error);
    if (is_named(key, "headers"))
        return take_headers(value, dialect, arena, record, error);
    if (is_named(key, "timestamp"))
        return take_timestamp(value, dialect, record, error);
    return is_passed_over(key, dialect) ? 0 : refuse_field(key, dialect, error);
}

/* So that what is refused can be told by it. */
static int take_id(const struct json_value *object, struct parsed_record *record, struct error *error)
{
    const struct json_value *id = json_value_member(object, "id");
    bool is_one = id != NULL && id->kind == JSON_STRING && id->size >= 1 && id->size <= 80;
    for (uint32_t i = 0; is_one && i < id->size; i++) {
        uint8_t c = id->text[i];
        uint8_t letter = c | 0x20;
        is_one = (c >= '0' && c <= '9') || (letter >= 'a' && letter <= 'z') || c == '-' || c == '_';
    }
    if (!is_one)
        return error_set(error, RECORD_BAD_ID, "Batch entry identifier not a valid string.");
    record->id = slice_of(id->text, id->size);
    return 0;
}

int record_parse(const struct json_value *object, enum record_dialect dialect, struct arena *arena,
                 struct parsed_record *record, struct error *error)
{
    *record = (struct parsed_record){.partition = -1};
    if (object->kind != JSON_OBJECT)
        return error_set(error, BAD_REQUEST, "Bad Request: a record must be an object");
    int rc = dialect == RECORD_OF_V3_BATCH ? take_id(object, record, error) : 0;
    const struct json_value *key = object + 1;
    for (uint32_t i = 0; rc == 0 && i < object->count; i++, key = json_value_after(key + 1))
        rc = take_field(key, dialect, arena, record, error);
    return rc;
}
