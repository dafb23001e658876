#include "vector_file.h"

#include <stdio.h>
#include <stdlib.h>

slice vector_read(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL_SLICE;
    size_t capacity = (size_t)1 << 20;
    uint8_t *data = malloc(capacity);
    size_t size = data != NULL ? fread(data, 1, capacity, file) : 0;
    fclose(file);
    return slice_of(data, size);
}
