#include "kafka/schema.h"

struct encoder {
    writer *w;
    int16_t version;
    bool flexible;
};

/* Fails the writer: a value that has no place in the format. */
static void refuse(struct encoder *e)
{
    e->w->failed = true;
}

static void encode_string(struct encoder *e, const struct field_schema *field, slice text)
{
    if (e->flexible && !(field->flags & FIELD_INT16_LENGTH))
        write_compact_bytes(e->w, text);
    else
        write_string(e->w, text);
}

static void encode_bytes(struct encoder *e, slice bytes)
{
    if (e->flexible)
        write_compact_bytes(e->w, bytes);
    else
        write_nullable_bytes(e->w, bytes);
}

static slice null_or_empty(slice bytes, bool nullable)
{
    return slice_is_null(bytes) && !nullable ? slice_of("", 0) : bytes;
}

static void encode_record_data(struct encoder *e, const struct record_data *records, bool nullable)
{
    if (records->splice == NULL) {
        encode_bytes(e, null_or_empty(records->bytes, nullable));
        return;
    }
    if (records->splice_size >= INT32_MAX)
        refuse(e);
    if (e->flexible)
        write_unsigned_varint(e->w, (uint32_t)records->splice_size + 1);
    else
        write_i32(e->w, (int32_t)records->splice_size);
    write_splice(e->w, records->splice_size, records->splice);
}

static void encode_struct(struct encoder *e, const struct struct_schema *schema, const uint8_t *base);

/* Presence as in decode.c. */
static void encode_pointer(struct encoder *e, const struct field_schema *field, const void *place)
{
    const void *value = schema_load_pointer(place);
    int8_t absent = field->tag == UNTAGGED ? -1 : 0;
    write_i8(e->w, value != NULL ? 1 : absent);
    if (value != NULL)
        encode_struct(e, &schema_structs[field->element], value);
}

static void encode_float64(writer *w, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    write_u64(w, bits);
}

static void encode_value(struct encoder *e, const struct field_schema *field, bool nullable, const void *place)
{
    switch ((enum field_kind)field->kind) {
    case FIELD_BOOL:
        write_u8(e->w, *(const bool *)place);
        break;
    case FIELD_INT8:
        write_i8(e->w, *(const int8_t *)place);
        break;
    case FIELD_INT16:
        write_i16(e->w, *(const int16_t *)place);
        break;
    case FIELD_UINT16:
        write_u16(e->w, *(const uint16_t *)place);
        break;
    case FIELD_INT32:
        write_i32(e->w, *(const int32_t *)place);
        break;
    case FIELD_INT64:
        write_i64(e->w, *(const int64_t *)place);
        break;
    case FIELD_FLOAT64:
        encode_float64(e->w, *(const double *)place);
        break;
    case FIELD_UUID:
        write_uuid(e->w, *(const struct uuid *)place);
        break;
    case FIELD_STRING:
        encode_string(e, field, null_or_empty(*(const slice *)place, nullable));
        break;
    case FIELD_BYTES:
    case FIELD_RECORDS:
        encode_bytes(e, null_or_empty(*(const slice *)place, nullable));
        break;
    case FIELD_RECORD_DATA:
        encode_record_data(e, place, nullable);
        break;
    case FIELD_STRUCT:
        encode_struct(e, &schema_structs[field->element], place);
        break;
    case FIELD_POINTER:
        encode_pointer(e, field, place);
        break;
    }
}

static void encode_array(struct encoder *e, const struct field_schema *field, bool nullable, const void *place)
{
    struct any_array array = schema_load_array(place);
    if (array.count < 0)
        array.count = nullable ? -1 : 0;
    if (e->flexible)
        write_unsigned_varint(e->w, (uint32_t)array.count + 1);
    else
        write_i32(e->w, array.count);
    size_t size = schema_memory_size(field);
    const uint8_t *item = array.items;
    for (int32_t i = 0; i < array.count && writer_ok(e->w); i++, item += size)
        encode_value(e, field, false, item);
}

static void encode_field(struct encoder *e, const struct field_schema *field, const uint8_t *base)
{
    bool nullable = schema_nullable(field, e->version);
    if (field->flags & FIELD_IS_ARRAY)
        encode_array(e, field, nullable, base + field->offset);
    else
        encode_value(e, field, nullable, base + field->offset);
}

/* Tag, size, value: the size is known only when the value is written, which then moves by the size's own bytes. */
static void encode_tagged_field(struct encoder *e, const struct field_schema *field, const uint8_t *base)
{
    write_unsigned_varint(e->w, field->tag);
    size_t start = e->w->size;
    encode_field(e, field, base);
    size_t size = e->w->size - start;
    size_t moved = unsigned_varint_size((uint32_t)size);
    if (writer_extend(e->w, moved) == NULL)
        return;
    memmove(e->w->data + start + moved, e->w->data + start, size);
    e->w->size = start;
    write_unsigned_varint(e->w, (uint32_t)size);
    e->w->size += size;
}

static bool is_written(const struct encoder *e, const struct field_schema *field, const uint8_t *base)
{
    return schema_has(field, e->version) && !schema_is_default(field, base);
}

static void encode_tagged_fields(struct encoder *e, const struct struct_schema *schema, const uint8_t *base)
{
    const struct field_schema *known = &schema_fields[schema->first_field + schema->plain_fields];
    const struct field_schema *end = known + schema->tagged_fields;
    const struct tagged_fields *unknown = schema_unknown(schema, base);
    uint32_t left = unknown != NULL ? unknown->count : 0;
    uint32_t count = left;
    for (const struct field_schema *field = known; field < end; field++)
        count += is_written(e, field, base);
    write_unsigned_varint(e->w, count);

    const struct tagged_field *next = left != 0 ? unknown->fields : NULL;
    for (; count > 0; count--) {
        while (known < end && !is_written(e, known, base))
            known++;
        if (left == 0 || (known < end && known->tag < next->tag)) {
            encode_tagged_field(e, known++, base);
            continue;
        }
        write_unsigned_varint(e->w, next->tag);
        write_unsigned_varint(e->w, (uint32_t)next->data.size);
        write_bytes(e->w, next->data);
        next++;
        left--;
    }
}

static void encode_struct(struct encoder *e, const struct struct_schema *schema, const uint8_t *base)
{
    const struct field_schema *field = &schema_fields[schema->first_field];
    for (const struct field_schema *end = field + schema->plain_fields; field < end; field++) {
        if (schema_has(field, e->version))
            encode_field(e, field, base);
    }
    if (e->flexible)
        encode_tagged_fields(e, schema, base);
}

int kafka_encode(const struct message_type *type, int16_t version, const void *value, writer *w)
{
    if (version < type->first_version || version > type->last_version)
        return FURROW_UNSUPPORTED;
    struct encoder e = {.w = w, .version = version, .flexible = version >= type->flexible_version};
    encode_struct(&e, &schema_structs[type->root], value);
    return writer_ok(w) ? 0 : FURROW_TOO_LARGE;
}

int kafka_encode_value(const struct message_type *type, int16_t version, const void *value, writer *w)
{
    write_i16(w, version);
    return kafka_encode(type, version, value, w);
}

int kafka_encode_key(const struct message_type *type, const void *value, writer *w)
{
    write_i16(w, type->key);
    return kafka_encode(type, 0, value, w);
}
