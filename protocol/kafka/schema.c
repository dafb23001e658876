#include "kafka/schema.h"

static const uint8_t memory_sizes[] = {
    [FIELD_BOOL] = sizeof(bool),      [FIELD_INT8] = sizeof(int8_t),
    [FIELD_INT16] = sizeof(int16_t),  [FIELD_UINT16] = sizeof(uint16_t),
    [FIELD_INT32] = sizeof(int32_t),  [FIELD_INT64] = sizeof(int64_t),
    [FIELD_FLOAT64] = sizeof(double), [FIELD_UUID] = sizeof(struct uuid),
    [FIELD_STRING] = sizeof(slice),   [FIELD_BYTES] = sizeof(slice),
    [FIELD_RECORDS] = sizeof(slice),  [FIELD_RECORD_DATA] = sizeof(struct record_data),
};

/* Strings and bytes: their shortest length field. */
static const uint8_t wire_sizes[] = {
    [FIELD_BOOL] = 1,   [FIELD_INT8] = 1,  [FIELD_INT16] = 2,   [FIELD_UINT16] = 2,
    [FIELD_INT32] = 4,  [FIELD_INT64] = 8, [FIELD_FLOAT64] = 8, [FIELD_UUID] = 16,
    [FIELD_STRING] = 1, [FIELD_BYTES] = 1, [FIELD_RECORDS] = 1, [FIELD_RECORD_DATA] = 1,
};

size_t schema_memory_size(const struct field_schema *field)
{
    return field->kind < FIELD_STRUCT ? memory_sizes[field->kind] : schema_structs[field->element].size;
}

size_t schema_wire_size(const struct field_schema *field)
{
    return field->kind < FIELD_STRUCT ? wire_sizes[field->kind] : schema_structs[field->element].smallest;
}

static void set_number(const struct field_schema *field, void *place)
{
    int64_t value = schema_defaults[field->default_value];
    switch (field->kind) {
    case FIELD_BOOL:
        *(bool *)place = value != 0;
        break;
    case FIELD_INT8:
        *(int8_t *)place = (int8_t)value;
        break;
    case FIELD_INT16:
        *(int16_t *)place = (int16_t)value;
        break;
    case FIELD_INT32:
        *(int32_t *)place = (int32_t)value;
        break;
    case FIELD_INT64:
        *(int64_t *)place = value;
        break;
    default: /* the generator gives no other kind a number */
        break;
    }
}

void schema_set_default(const struct field_schema *field, uint8_t *base)
{
    void *place = base + field->offset;
    if (field->flags & FIELD_IS_ARRAY) {
        struct any_array array = {NULL, field->flags & FIELD_DEFAULT_NULL ? -1 : 0};
        memcpy(place, &array, sizeof array);
    } else if (field->kind == FIELD_STRING || field->kind == FIELD_BYTES) {
        if (!(field->flags & FIELD_DEFAULT_NULL))
            *(slice *)place = slice_of("", 0);
    } else if (field->kind == FIELD_STRUCT) {
        schema_set_defaults(&schema_structs[field->element], place);
    } else if (field->default_value != 0) {
        set_number(field, place);
    }
}

void schema_set_defaults(const struct struct_schema *schema, uint8_t *base)
{
    const struct field_schema *fields = &schema_fields[schema->first_field];
    for (unsigned i = 0; i < (unsigned)schema->plain_fields + schema->tagged_fields; i++)
        schema_set_default(&fields[i], base);
}

static bool all_default(const struct struct_schema *schema, const uint8_t *base)
{
    const struct field_schema *fields = &schema_fields[schema->first_field];
    for (unsigned i = 0; i < (unsigned)schema->plain_fields + schema->tagged_fields; i++) {
        if (!schema_is_default(&fields[i], base))
            return false;
    }
    return schema_unknown(schema, base) == NULL;
}

static bool slice_is_default(const struct field_schema *field, slice bytes)
{
    if (field->flags & FIELD_DEFAULT_NULL)
        return slice_is_null(bytes);
    bool null_is_a_value = field->nullable_first <= field->nullable_last;
    return bytes.size == 0 && !(null_is_a_value && slice_is_null(bytes));
}

static bool pointer_is_default(const struct field_schema *field, const void *value)
{
    if (field->flags & FIELD_DEFAULT_NULL)
        return value == NULL;
    return value != NULL && all_default(&schema_structs[field->element], value);
}

bool schema_is_default(const struct field_schema *field, const uint8_t *base)
{
    const void *place = base + field->offset;
    int64_t number = schema_defaults[field->default_value];
    if (field->flags & FIELD_IS_ARRAY) {
        struct any_array array = schema_load_array(place);
        return field->flags & FIELD_DEFAULT_NULL ? array.count < 0 : array.count == 0;
    }
    switch ((enum field_kind)field->kind) {
    case FIELD_BOOL:
        return *(const bool *)place == (number != 0);
    case FIELD_INT8:
        return *(const int8_t *)place == number;
    case FIELD_INT16:
        return *(const int16_t *)place == number;
    case FIELD_UINT16:
        return *(const uint16_t *)place == number;
    case FIELD_INT32:
        return *(const int32_t *)place == number;
    case FIELD_INT64:
        return *(const int64_t *)place == number;
    case FIELD_FLOAT64: /* -0.0 is another value */
        return memcmp(place, (uint8_t[sizeof(double)]){0}, sizeof(double)) == 0;
    case FIELD_UUID:
        return uuid_is_zero(*(const struct uuid *)place);
    case FIELD_STRING:
    case FIELD_BYTES:
        return slice_is_default(field, *(const slice *)place);
    case FIELD_RECORDS:
        return slice_is_null(*(const slice *)place);
    case FIELD_RECORD_DATA:
        return slice_is_null(((const struct record_data *)place)->bytes) &&
               ((const struct record_data *)place)->splice == NULL;
    case FIELD_STRUCT:
        return all_default(&schema_structs[field->element], place);
    case FIELD_POINTER:
        return pointer_is_default(field, schema_load_pointer(place));
    }
    return false;
}

void kafka_set_defaults(const struct message_type *type, void *value)
{
    const struct struct_schema *schema = &schema_structs[type->root];
    memset(value, 0, schema->size);
    schema_set_defaults(schema, value);
}
