#include "json.h"
#include "kafka/schema.h"

#include <stdio.h>

struct dumper {
    struct json json;
    int16_t version;
};

static void dump_uuid(struct json *j, struct uuid uuid)
{
    char text[UUID_TEXT_SIZE];
    uuid_print(uuid, text);
    json_text(j, text);
}

static void dump_records(struct json *j, slice bytes)
{
    if (slice_is_null(bytes))
        json_null(j);
    else
        json_uint(j, bytes.size);
}

static void dump_record_data(struct json *j, const struct record_data *records)
{
    if (records->splice != NULL)
        json_uint(j, records->splice_size);
    else
        dump_records(j, records->bytes);
}

static void dump_struct(struct dumper *d, const struct struct_schema *schema, const uint8_t *base);

static void dump_value(struct dumper *d, const struct field_schema *field, const void *place)
{
    struct json *j = &d->json;
    switch ((enum field_kind)field->kind) {
    case FIELD_BOOL:
        json_bool(j, *(const bool *)place);
        break;
    case FIELD_INT8:
        json_int(j, *(const int8_t *)place);
        break;
    case FIELD_INT16:
        json_int(j, *(const int16_t *)place);
        break;
    case FIELD_UINT16:
        json_uint(j, *(const uint16_t *)place);
        break;
    case FIELD_INT32:
        json_int(j, *(const int32_t *)place);
        break;
    case FIELD_INT64:
        json_int(j, *(const int64_t *)place);
        break;
    case FIELD_FLOAT64:
        json_double(j, *(const double *)place);
        break;
    case FIELD_UUID:
        dump_uuid(j, *(const struct uuid *)place);
        break;
    case FIELD_STRING:
        json_string(j, *(const slice *)place);
        break;
    case FIELD_BYTES:
        json_base64(j, *(const slice *)place);
        break;
    case FIELD_RECORDS:
        dump_records(j, *(const slice *)place);
        break;
    case FIELD_RECORD_DATA:
        dump_record_data(j, place);
        break;
    case FIELD_STRUCT:
        dump_struct(d, &schema_structs[field->element], place);
        break;
    case FIELD_POINTER:
        if (schema_load_pointer(place) != NULL)
            dump_struct(d, &schema_structs[field->element], schema_load_pointer(place));
        else
            json_null(j);
        break;
    }
}

static void dump_array(struct dumper *d, const struct field_schema *field, const void *place)
{
    struct any_array array = schema_load_array(place);
    if (array.count < 0) {
        json_null(&d->json);
        return;
    }
    json_begin_array(&d->json);
    const uint8_t *item = array.items;
    size_t size = schema_memory_size(field);
    for (int32_t i = 0; i < array.count; i++, item += size)
        dump_value(d, field, item);
    json_end_array(&d->json);
}

static void dump_unknown(struct json *j, const struct tagged_fields *unknown)
{
    for (uint32_t i = 0; unknown != NULL && i < unknown->count; i++) {
        char key[16];
        snprintf(key, sizeof key, "tag %u", unknown->fields[i].tag);
        json_key(j, key);
        json_base64(j, unknown->fields[i].data);
    }
}

static void dump_struct(struct dumper *d, const struct struct_schema *schema, const uint8_t *base)
{
    json_begin_object(&d->json);
    const struct field_schema *field = &schema_fields[schema->first_field];
    const struct field_schema *end = field + schema->plain_fields + schema->tagged_fields;
    for (; field < end; field++) {
        if (!schema_has(field, d->version))
            continue;
        json_key(&d->json, &schema_names[field->name]);
        if (field->flags & FIELD_IS_ARRAY)
            dump_array(d, field, base + field->offset);
        else
            dump_value(d, field, base + field->offset);
    }
    dump_unknown(&d->json, schema_unknown(schema, base));
    json_end_object(&d->json);
}

void kafka_dump(const struct message_type *type, int16_t version, const void *value, writer *w)
{
    struct dumper d = {.json = json_to(w), .version = version};
    dump_struct(&d, &schema_structs[type->root], value);
}
