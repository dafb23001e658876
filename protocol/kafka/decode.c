#include "kafka/schema.h"

#include <errno.h>

struct decoder {
    reader *r;
    struct arena *arena;
    int16_t version;
    bool flexible;
    bool out_of_memory; /* the reader is failed too, so that every loop ends */
};

static void *allocate(struct decoder *d, size_t size)
{
    void *block = arena_alloc(d->arena, size);
    if (block == NULL) {
        d->out_of_memory = true;
        reader_fail(d->r);
    }
    return block;
}

static slice decode_string(struct decoder *d, const struct field_schema *field, bool nullable)
{
    bool compact = d->flexible && !(field->flags & FIELD_INT16_LENGTH);
    slice text = compact ? read_compact_bytes(d->r) : read_string(d->r);
    if ((slice_is_null(text) && !nullable) || text.size > INT16_MAX)
        reader_fail(d->r);
    return text;
}

static slice decode_bytes(struct decoder *d, bool nullable)
{
    slice bytes = d->flexible ? read_compact_bytes(d->r) : read_nullable_bytes(d->r);
    if (slice_is_null(bytes) && !nullable)
        reader_fail(d->r);
    return bytes;
}

static void decode_struct(struct decoder *d, const struct struct_schema *schema, uint8_t *base);

/* Whether a struct that may be null is there: an int8, 1 or -1; in a tagged field a varint, 1 or 0. */
static bool decode_presence(struct decoder *d, const struct field_schema *field)
{
    return field->tag == UNTAGGED ? read_i8(d->r) >= 0 : read_unsigned_varint(d->r) != 0;
}

static void decode_pointer(struct decoder *d, const struct field_schema *field, void *place)
{
    const struct struct_schema *schema = &schema_structs[field->element];
    void *block = NULL;
    if (decode_presence(d, field)) {
        block = allocate(d, schema->size);
        if (block != NULL)
            decode_struct(d, schema, block);
    }
    memcpy(place, &block, sizeof block);
}

static double decode_float64(reader *r)
{
    uint64_t bits = read_u64(r);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void decode_value(struct decoder *d, const struct field_schema *field, bool nullable, void *place)
{
    switch ((enum field_kind)field->kind) {
    case FIELD_BOOL:
        *(bool *)place = read_u8(d->r) != 0;
        break;
    case FIELD_INT8:
        *(int8_t *)place = read_i8(d->r);
        break;
    case FIELD_INT16:
        *(int16_t *)place = read_i16(d->r);
        break;
    case FIELD_UINT16:
        *(uint16_t *)place = read_u16(d->r);
        break;
    case FIELD_INT32:
        *(int32_t *)place = read_i32(d->r);
        break;
    case FIELD_INT64:
        *(int64_t *)place = read_i64(d->r);
        break;
    case FIELD_FLOAT64:
        *(double *)place = decode_float64(d->r);
        break;
    case FIELD_UUID:
        *(struct uuid *)place = read_uuid(d->r);
        break;
    case FIELD_STRING:
        *(slice *)place = decode_string(d, field, nullable);
        break;
    case FIELD_BYTES:
    case FIELD_RECORDS:
        *(slice *)place = decode_bytes(d, nullable);
        break;
    case FIELD_RECORD_DATA:
        ((struct record_data *)place)->bytes = decode_bytes(d, nullable);
        break;
    case FIELD_STRUCT:
        decode_struct(d, &schema_structs[field->element], place);
        break;
    case FIELD_POINTER:
        decode_pointer(d, field, place);
        break;
    }
}

/* -1 is null. */
static int64_t decode_count(struct decoder *d, const struct field_schema *field)
{
    int64_t count = d->flexible ? (int64_t)read_unsigned_varint(d->r) - 1 : read_i32(d->r);
    bool allowed = count >= 0 || (count == -1 && schema_nullable(field, d->version));
    if (!allowed || (count > 0 && (uint64_t)count > reader_left(d->r) / schema_wire_size(field)))
        reader_fail(d->r);
    return reader_ok(d->r) ? count : 0;
}

static void decode_array(struct decoder *d, const struct field_schema *field, void *place)
{
    struct any_array array = {.items = NULL, .count = (int32_t)decode_count(d, field)};
    size_t size = schema_memory_size(field);
    if (array.count > 0) {
        if ((size_t)array.count <= SIZE_MAX / size)
            array.items = allocate(d, (size_t)array.count * size);
        else
            d->out_of_memory = true;
        if (array.items == NULL) {
            reader_fail(d->r);
            array.count = 0;
        }
    }
    uint8_t *item = array.items;
    for (int32_t i = 0; i < array.count && reader_ok(d->r); i++, item += size)
        decode_value(d, field, false, item);
    memcpy(place, &array, sizeof array);
}

static void decode_field(struct decoder *d, const struct field_schema *field, uint8_t *base)
{
    if (field->flags & FIELD_IS_ARRAY)
        decode_array(d, field, base + field->offset);
    else
        decode_value(d, field, schema_nullable(field, d->version), base + field->offset);
}

static const struct field_schema *find_tagged(const struct decoder *d, const struct struct_schema *schema, uint32_t tag)
{
    const struct field_schema *fields = &schema_fields[schema->first_field + schema->plain_fields];
    for (unsigned i = 0; i < schema->tagged_fields; i++) {
        if (fields[i].tag == tag && schema_has(&fields[i], d->version))
            return &fields[i];
    }
    return NULL;
}

/* The field must fill its bytes. */
static void decode_tagged_field(struct decoder *d, const struct field_schema *field, slice data, uint8_t *base)
{
    reader *outer = d->r;
    reader inner = reader_of(data);
    d->r = &inner;
    decode_field(d, field, base);
    d->r = outer;
    if (!reader_ok(&inner) || reader_left(&inner) != 0)
        reader_fail(outer);
}

static void decode_tagged_fields(struct decoder *d, const struct struct_schema *schema, uint8_t *base)
{
    uint32_t count = read_unsigned_varint(d->r);
    if (count == 0)
        return;
    if (count > reader_left(d->r) / 2) { /* a tag and a size take a byte each */
        reader_fail(d->r);
        return;
    }
    struct tagged_fields *unknown = NULL;
    int64_t previous_tag = -1;
    for (uint32_t i = 0; i < count && reader_ok(d->r); i++) {
        uint32_t tag = read_unsigned_varint(d->r);
        slice data = read_bytes(d->r, read_unsigned_varint(d->r));
        if (tag <= previous_tag)
            reader_fail(d->r);
        if (!reader_ok(d->r))
            return;
        previous_tag = tag;
        const struct field_schema *field = find_tagged(d, schema, tag);
        if (field != NULL) {
            decode_tagged_field(d, field, data, base);
            continue;
        }
        if (unknown == NULL)
            unknown = allocate(d, sizeof *unknown + (count - i) * sizeof unknown->fields[0]);
        if (unknown != NULL)
            unknown->fields[unknown->count++] = (struct tagged_field){tag, data};
    }
    memcpy(base + schema->unknown, &unknown, sizeof unknown);
}

/* A struct that may be null but is not by default is allocated with its fields' defaults. */
static void decode_absent_field(struct decoder *d, const struct field_schema *field, uint8_t *base)
{
    if (field->kind != FIELD_POINTER || (field->flags & FIELD_DEFAULT_NULL) != 0) {
        schema_set_default(field, base);
        return;
    }
    const struct struct_schema *schema = &schema_structs[field->element];
    void *block = allocate(d, schema->size);
    if (block != NULL)
        schema_set_defaults(schema, block);
    memcpy(base + field->offset, &block, sizeof block);
}

static void decode_struct(struct decoder *d, const struct struct_schema *schema, uint8_t *base)
{
    const struct field_schema *field = &schema_fields[schema->first_field];
    for (const struct field_schema *end = field + schema->plain_fields; field < end; field++) {
        if (schema_has(field, d->version))
            decode_field(d, field, base);
        else
            decode_absent_field(d, field, base);
    }
    for (const struct field_schema *end = field + schema->tagged_fields; field < end; field++)
        decode_absent_field(d, field, base);
    if (d->flexible)
        decode_tagged_fields(d, schema, base);
}

int kafka_decode(const struct message_type *type, int16_t version, reader *r, void *value, struct arena *arena)
{
    if (version < type->first_version || version > type->last_version)
        return FURROW_UNSUPPORTED;
    const struct struct_schema *schema = &schema_structs[type->root];
    struct decoder d = {.r = r, .arena = arena, .version = version, .flexible = version >= type->flexible_version};
    memset(value, 0, schema->size);
    decode_struct(&d, schema, value);
    if (d.out_of_memory)
        return -ENOMEM;
    return reader_ok(r) ? 0 : FURROW_MALFORMED;
}

int kafka_decode_value(const struct message_type *type, reader *r, void *value, struct arena *arena)
{
    int16_t version = read_i16(r);
    if (!reader_ok(r))
        return FURROW_MALFORMED;
    if (version < type->first_version || version > type->last_version)
        return FURROW_WRONG_VERSION;
    return kafka_decode(type, version, r, value, arena);
}
