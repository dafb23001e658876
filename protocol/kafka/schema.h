/* The tables that the codec walks, as generate.py writes them from messages/. Offsets and indexes instead of pointers
 * keep a field at 14 bytes of read-only data. */
#pragma once

#include "kafka/codec.h"

enum field_kind {
    FIELD_BOOL,
    FIELD_INT8,
    FIELD_INT16,
    FIELD_UINT16,
    FIELD_INT32,
    FIELD_INT64,
    FIELD_FLOAT64,
    FIELD_UUID,
    FIELD_STRING,
    FIELD_BYTES,
    FIELD_RECORDS,     /* slice */
    FIELD_RECORD_DATA, /* struct record_data */
    FIELD_STRUCT,      /* within its parent */
    FIELD_POINTER,     /* struct that may be null */
};

enum field_flag {
    FIELD_IS_ARRAY = 1,
    FIELD_DEFAULT_NULL = 2, /* strings, bytes, arrays, pointers: null and not empty */
    FIELD_INT16_LENGTH = 4, /* string: length is no varint even in flexible versions */
};

#define UNTAGGED UINT8_MAX

struct field_schema {
    uint16_t name;         /* in schema_names */
    uint16_t offset;       /* in the struct, bytes */
    uint16_t element;      /* index of the struct, for FIELD_STRUCT and FIELD_POINTER */
    uint8_t kind;          /* enum field_kind; of an array: of its elements */
    uint8_t flags;         /* enum field_flag */
    int8_t first, last;    /* versions that have it */
    int8_t nullable_first; /* versions in which null is allowed; first > last: none */
    int8_t nullable_last;
    uint8_t tag;           /* UNTAGGED, or its number */
    uint8_t default_value; /* in schema_defaults; 0 is zero */
};

struct struct_schema {
    uint16_t first_field;  /* in schema_fields */
    uint8_t plain_fields;  /* in wire order */
    uint8_t tagged_fields; /* after them, tags ascending */
    uint16_t size;         /* of the C struct */
    uint16_t unknown;      /* offset of its const struct tagged_fields * */
    uint16_t smallest;     /* bytes of its shortest encoding in any version */
};

extern const char schema_names[];
extern const int64_t schema_defaults[];
extern const struct field_schema schema_fields[];
extern const struct struct_schema schema_structs[];

/* Any array's representation: arrays of all element types are laid out alike, and are loaded and stored by memcpy. */
struct any_array {
    void *items;
    int32_t count;
};

static inline struct any_array schema_load_array(const void *place)
{
    struct any_array array;
    memcpy(&array, place, sizeof array);
    return array;
}

/* Of a struct that may be null. */
static inline const void *schema_load_pointer(const void *place)
{
    const void *pointer;
    memcpy(&pointer, place, sizeof pointer);
    return pointer;
}

static inline const struct tagged_fields *schema_unknown(const struct struct_schema *schema, const void *base)
{
    return *(const struct tagged_fields *const *)(const void *)((const uint8_t *)base + schema->unknown);
}

static inline bool schema_has(const struct field_schema *field, int16_t version)
{
    return field->first <= version && version <= field->last;
}

static inline bool schema_nullable(const struct field_schema *field, int16_t version)
{
    return field->nullable_first <= version && version <= field->nullable_last;
}

/* Bytes that an element of this kind takes in memory, and at least on the wire. */
size_t schema_memory_size(const struct field_schema *field);
size_t schema_wire_size(const struct field_schema *field);

/* Defaults of one field, and of all fields of a struct whose memory is zeroed. A pointer stays NULL. */
void schema_set_default(const struct field_schema *field, uint8_t *base);
void schema_set_defaults(const struct struct_schema *schema, uint8_t *base);

/* Whether a tagged field may be left out. */
bool schema_is_default(const struct field_schema *field, const uint8_t *base);
