#include "message_sample.h"

#include "kafka/schema.h"

#define UNKNOWN_TAG 1000

struct sampler {
    uint32_t state;
    struct arena *arena;
    bool failed;
};

static uint32_t next(struct sampler *s)
{
    s->state = s->state * 1664525 + 1013904223;
    return s->state >> 8;
}

static void *allocate(struct sampler *s, size_t size)
{
    void *block = arena_alloc(s->arena, size);
    s->failed |= block == NULL;
    return block;
}

static slice sample_text(struct sampler *s)
{
    size_t size = 1 + next(s) % 9;
    uint8_t *text = allocate(s, size);
    for (size_t i = 0; text != NULL && i < size; i++)
        text[i] = (uint8_t)('a' + next(s) % 26);
    return slice_of(text, size);
}

static void sample_struct(struct sampler *s, const struct struct_schema *schema, uint8_t *base);

static void sample_pointer(struct sampler *s, const struct struct_schema *schema, void *place)
{
    void *block = allocate(s, schema->size);
    if (block != NULL)
        sample_struct(s, schema, block);
    memcpy(place, &block, sizeof block);
}

static void sample_value(struct sampler *s, const struct field_schema *field, void *place)
{
    switch ((enum field_kind)field->kind) {
    case FIELD_BOOL:
        *(bool *)place = true;
        break;
    case FIELD_INT8:
        *(int8_t *)place = (int8_t)next(s);
        break;
    case FIELD_INT16:
        *(int16_t *)place = (int16_t)next(s);
        break;
    case FIELD_UINT16:
        *(uint16_t *)place = (uint16_t)next(s);
        break;
    case FIELD_INT32:
        *(int32_t *)place = (int32_t)(next(s) << 8);
        break;
    case FIELD_INT64:
        *(int64_t *)place = (int64_t)((uint64_t)next(s) << 40 | next(s));
        break;
    case FIELD_FLOAT64:
        *(double *)place = next(s) / 8.0;
        break;
    case FIELD_UUID:
        memset(place, (int)(1 + next(s) % 255), sizeof(struct uuid));
        break;
    case FIELD_STRING:
    case FIELD_BYTES:
    case FIELD_RECORDS:
        *(slice *)place = sample_text(s);
        break;
    case FIELD_RECORD_DATA:
        ((struct record_data *)place)->bytes = sample_text(s);
        break;
    case FIELD_STRUCT:
        sample_struct(s, &schema_structs[field->element], place);
        break;
    case FIELD_POINTER:
        sample_pointer(s, &schema_structs[field->element], place);
        break;
    }
}

static void sample_array(struct sampler *s, const struct field_schema *field, void *place)
{
    size_t size = schema_memory_size(field);
    struct any_array array = {.count = (int32_t)(1 + next(s) % 2)};
    array.items = allocate(s, (size_t)array.count * size);
    uint8_t *item = array.items;
    for (int32_t i = 0; item != NULL && i < array.count; i++, item += size)
        sample_value(s, field, item);
    memcpy(place, &array, sizeof array);
}

static void sample_struct(struct sampler *s, const struct struct_schema *schema, uint8_t *base)
{
    const struct field_schema *field = &schema_fields[schema->first_field];
    for (unsigned i = 0; i < (unsigned)schema->plain_fields + schema->tagged_fields; i++, field++) {
        if (field->flags & FIELD_IS_ARRAY)
            sample_array(s, field, base + field->offset);
        else
            sample_value(s, field, base + field->offset);
    }
    struct tagged_fields *unknown = allocate(s, sizeof *unknown + sizeof unknown->fields[0]);
    if (unknown == NULL)
        return;
    unknown->count = 1;
    unknown->fields[0] = (struct tagged_field){UNKNOWN_TAG, sample_text(s)};
    memcpy(base + schema->unknown, &unknown, sizeof unknown);
}

void *message_sample(const struct message_type *type, uint32_t seed, struct arena *arena)
{
    struct sampler s = {.state = seed, .arena = arena};
    void *value = allocate(&s, message_struct_size(type));
    if (value != NULL)
        sample_struct(&s, &schema_structs[type->root], value);
    return s.failed ? NULL : value;
}

size_t message_struct_size(const struct message_type *type)
{
    return schema_structs[type->root].size;
}
