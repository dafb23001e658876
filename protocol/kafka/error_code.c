#include "kafka/error_code.h"

#include <stddef.h>

struct kafka_error_row {
    const char *name;
    const char *text;
    bool retriable;
};

/* The codes run from -1 without a gap. */
static const struct kafka_error_row rows[] = {
#define X(name, code, retriable, text) [code + 1] = {#name, text, retriable},
    KAFKA_ERROR_MAP(X)
#undef X
};

static const struct kafka_error_row *find(int16_t code)
{
    return code >= -1 && (size_t)(code + 1) < sizeof rows / sizeof rows[0] ? &rows[code + 1] : NULL;
}

const char *kafka_error_name(int16_t code)
{
    const struct kafka_error_row *row = find(code);
    return row != NULL ? row->name : NULL;
}

const char *kafka_error_text(int16_t code)
{
    const struct kafka_error_row *row = find(code);
    return row != NULL ? row->text : rows[0].text;
}

bool kafka_error_is_retriable(int16_t code)
{
    const struct kafka_error_row *row = find(code);
    return row != NULL && row->retriable;
}
