#include "operations/resources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool resource_parse_node(slice name, int32_t *id)
{
    char text[16], *end;
    if (name.size == 0 || name.size >= sizeof text || name.data[0] <= ' ')
        return false;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *id = (int32_t)number;
    return *end == '\0' && end == text + name.size && errno == 0 && number >= INT32_MIN && number <= INT32_MAX;
}
