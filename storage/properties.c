#include "properties.h"

#include "text.h"

#include <inttypes.h>

#define PROPERTIES_MAX_BYTES ((size_t)64 << 10)

int properties_read(struct disk *disk, const char *path, struct properties *properties, struct error *error)
{
    *properties = (struct properties){.path = path};
    return disk_read_file(disk, path, PROPERTIES_MAX_BYTES, MEMORY_SERVER, &properties->text, &properties->size, error);
}

void properties_close(struct properties *properties, struct memory *memory)
{
    memory_free(memory, MEMORY_SERVER, properties->text, properties->size);
}

slice properties_find(const struct properties *properties, const char *name)
{
    slice rest = slice_of(properties->text, properties->size), line, key, value, found = NULL_SLICE;
    while (text_next_line(&rest, &line)) {
        line = text_trim(line);
        if (line.size == 0 || line.data[0] == '#' || line.data[0] == '!')
            continue;
        if (text_split_property(line, &key, &value) && slice_equal(key, slice_of_text(name)))
            found = value;
    }
    return found;
}

int properties_number(const struct properties *properties, const char *name, int32_t *number, struct error *error)
{
    int64_t value;
    slice text = properties_find(properties, name);
    if (slice_is_null(text))
        return error_set(error, FURROW_CORRUPT, "%s: has no %s", properties->path, name);
    if (!text_parse_number(text, INT32_MAX - 1, &value))
        return error_set(error, FURROW_CORRUPT, "%s: %s is '%.*s', not a number", properties->path, name,
                         SLICE_PRINT(text));
    *number = (int32_t)value;
    return 0;
}
