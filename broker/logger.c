#include "logger.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_MS    1000
#define WINDOW_LINES 20

static const char *const level_texts[] = {"DEBUG", "INFO", "WARN", "ERROR"};

static int64_t wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void logger_init(struct logger *logger, int descriptor, enum log_level level)
{
    logger->descriptor = descriptor;
    logger->now = wall_clock;
    atomic_init(&logger->level, (int)level);
}

void logger_set_level(struct logger *logger, enum log_level level)
{
    atomic_store_explicit(&logger->level, (int)level, memory_order_relaxed);
}

enum log_level logger_level(struct logger *logger)
{
    return (enum log_level)atomic_load(&logger->level);
}

bool log_level_parse(slice text, enum log_level *level)
{
    for (unsigned i = 0; i < sizeof level_texts / sizeof level_texts[0]; i++) {
        if (text.size == strlen(level_texts[i]) &&
            strncasecmp((const char *)text.data, level_texts[i], text.size) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

const char *log_level_text(enum log_level level)
{
    return level_texts[level];
}

static bool is_written(struct logger *logger, enum log_level level)
{
    return (int)level >= atomic_load_explicit(&logger->level, memory_order_relaxed);
}

/* "2026-11-21T07:39:48.120Z WARN storage " */
static size_t write_head(char line[LOG_LINE_MAX], int64_t now, enum log_level level, const char *subsystem)
{
    time_t seconds = (time_t)(now / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t size = strftime(line, LOG_LINE_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
    int more =
        snprintf(line + size, LOG_LINE_MAX - size, ".%03dZ %s %s ", (int)(now % 1000), level_texts[level], subsystem);
    return size + (size_t)more;
}

/* A line stays one line, whatever came into it. */
static void blank_control_characters(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    }
}

PRINTF_LIKE(5, 0)
static void write_line(struct logger *logger, enum log_level level, const char *subsystem, uint32_t held_back,
                       const char *format, va_list arguments)
{
    char line[LOG_LINE_MAX];
    size_t head = write_head(line, logger->now(), level, subsystem);
    if (held_back != 0)
        head += (size_t)snprintf(line + head, sizeof line - head, "held_back=%u ", held_back);
    int text = vsnprintf(line + head, sizeof line - head, format, arguments);
    size_t size = text < 0 ? head : head + (size_t)text;
    if (size > sizeof line - 1)
        size = sizeof line - 1;
    blank_control_characters(line + head, size - head);
    line[size++] = '\n';
    ssize_t written = write(logger->descriptor, line, size);
    (void)written; /* a log that cannot be written has nowhere to say so */
}

void log_line(struct logger *logger, enum log_level level, const char *subsystem, const char *format, ...)
{
    if (!is_written(logger, level))
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line(logger, level, subsystem, 0, format, arguments);
    va_end(arguments);
}

static bool may_write(struct log_limit *limit, int64_t now)
{
    if (now - limit->window_start >= WINDOW_MS || now < limit->window_start) {
        limit->window_start = now;
        limit->written = 0;
    }
    if (limit->written >= WINDOW_LINES) {
        limit->held_back++;
        return false;
    }
    limit->written++;
    return true;
}

void log_line_limited(struct logger *logger, struct log_limit *limit, enum log_level level, const char *subsystem,
                      const char *format, ...)
{
    if (!is_written(logger, level) || !may_write(limit, logger->now()))
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line(logger, level, subsystem, limit->held_back, format, arguments);
    va_end(arguments);
    limit->held_back = 0;
}

static bool is_plain(uint8_t c)
{
    return c > 0x20 && c < 0x7f && c != '"' && c != '=' && c != '\\';
}

struct log_text log_quote(slice value)
{
    struct log_text quoted;
    size_t plain = 0;
    while (plain < value.size && is_plain(value.data[plain]))
        plain++;
    bool quotes = plain < value.size || value.size == 0;
    size_t at = 0, room = sizeof quoted.text - 6; /* for "..." and quotes and the NUL byte */
    if (quotes)
        quoted.text[at++] = '"';
    size_t i = 0;
    for (; i < value.size && at + 4 <= room; i++) {
        uint8_t c = value.data[i];
        if (is_plain(c) || c == ' ' || c == '=')
            quoted.text[at++] = (char)c;
        else
            at += (size_t)snprintf(quoted.text + at, 5, "\\x%02x", c);
    }
    if (i < value.size)
        at += (size_t)snprintf(quoted.text + at, 4, "...");
    if (quotes)
        quoted.text[at++] = '"';
    quoted.text[at] = '\0';
    return quoted;
}
