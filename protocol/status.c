#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *status_text(int code)
{
    switch (code) {
    case 0:
        return "no error";
#define X(name, value, text)                                                                                           \
    case value:                                                                                                        \
        return text;
        FURROW_STATUS_MAP(X)
#undef X
    default: {
        const char *text = strerrordesc_np(-code);
        return text != NULL ? text : "unknown error";
    }
    }
}

int error_set(struct error *error, int code, const char *format, ...)
{
    if (error == NULL)
        return code;
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return code;
}

int error_set_status(struct error *error, int code, const char *format, ...)
{
    if (error == NULL)
        return code;
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    int length = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < sizeof error->message)
        snprintf(error->message + length, sizeof error->message - (size_t)length, ": %s", status_text(code));
    return code;
}

int error_wrap(struct error *error, int code, const char *format, ...)
{
    if (error == NULL)
        return code;
    char inner[ERROR_MESSAGE_MAX];
    memcpy(inner, error->message, sizeof inner);
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    int length = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    int left = ERROR_MESSAGE_MAX - 1 - length - 2; /* after ": " and before the NUL byte */
    if (length >= 0 && left > 0)
        snprintf(error->message + length, sizeof error->message - (size_t)length, ": %.*s", left, inner);
    return code;
}
