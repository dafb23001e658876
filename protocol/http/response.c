#include "http/response.h"

#include <inttypes.h>
#include <stdio.h>

/* The registry of RFC 9110, 6585, 8297, 7538. */
#define STATUS_MAP(X)                                                                                                  \
    X(100, "Continue")                                                                                                 \
    X(101, "Switching Protocols")                                                                                      \
    X(200, "OK")                                                                                                       \
    X(201, "Created")                                                                                                  \
    X(202, "Accepted")                                                                                                 \
    X(204, "No Content")                                                                                               \
    X(207, "Multi-Status")                                                                                             \
    X(206, "Partial Content")                                                                                          \
    X(301, "Moved Permanently")                                                                                        \
    X(302, "Found")                                                                                                    \
    X(303, "See Other")                                                                                                \
    X(304, "Not Modified")                                                                                             \
    X(307, "Temporary Redirect")                                                                                       \
    X(308, "Permanent Redirect")                                                                                       \
    X(400, "Bad Request")                                                                                              \
    X(401, "Unauthorized")                                                                                             \
    X(403, "Forbidden")                                                                                                \
    X(404, "Not Found")                                                                                                \
    X(405, "Method Not Allowed")                                                                                       \
    X(406, "Not Acceptable")                                                                                           \
    X(408, "Request Timeout")                                                                                          \
    X(409, "Conflict")                                                                                                 \
    X(410, "Gone")                                                                                                     \
    X(411, "Length Required")                                                                                          \
    X(412, "Precondition Failed")                                                                                      \
    X(413, "Content Too Large")                                                                                        \
    X(414, "URI Too Long")                                                                                             \
    X(415, "Unsupported Media Type")                                                                                   \
    X(416, "Range Not Satisfiable")                                                                                    \
    X(417, "Expectation Failed")                                                                                       \
    X(422, "Unprocessable Content")                                                                                    \
    X(426, "Upgrade Required")                                                                                         \
    X(429, "Too Many Requests")                                                                                        \
    X(431, "Request Header Fields Too Large")                                                                          \
    X(500, "Internal Server Error")                                                                                    \
    X(501, "Not Implemented")                                                                                          \
    X(503, "Service Unavailable")                                                                                      \
    X(504, "Gateway Timeout")                                                                                          \
    X(505, "HTTP Version Not Supported")                                                                               \
    X(507, "Insufficient Storage")

const char *http_status_text(int status)
{
    switch (status) {
#define X(code, text)                                                                                                  \
    case code:                                                                                                         \
        return text;
        STATUS_MAP(X)
#undef X
    default:
        return "Unknown";
    }
}

bool http_status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void write_text(writer *w, const char *text)
{
    write_bytes(w, slice_of_text(text));
}

/* A day of the Gregorian calendar. */
struct day {
    uint32_t year, month, of_month; /* the last two from 1 */
};

/* Counted in eras of 400 years of equal length, whose years begin with March: the leap day is their last. */
static struct day find_day(uint32_t days_since_1970)
{
    uint32_t days = days_since_1970 + 719468; /* since 0000-03-01 */
    uint32_t of_era = days % 146097;
    uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * of_year + 2) / 153; /* 0: March; their lengths repeat every five, 153 days */
    bool is_next_year = month >= 10;
    return (struct day){
        .year = year + days / 146097 * 400 + is_next_year,
        .month = is_next_year ? month - 9 : month + 3,
        .of_month = of_year - (153 * month + 2) / 5 + 1,
    };
}

void http_print_date(int64_t now, char text[HTTP_DATE_MAX])
{
    static const char weekdays[][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint32_t days = (uint32_t)(now / 86400000), seconds = (uint32_t)(now % 86400000 / 1000);
    struct day day = find_day(days);
    snprintf(text, HTTP_DATE_MAX, "%s, %02" PRIu32 " %s %04" PRIu32 " %02" PRIu32 ":%02" PRIu32 ":%02" PRIu32 " GMT",
             weekdays[days % 7], day.of_month, months[day.month - 1], day.year, seconds / 3600, seconds / 60 % 60,
             seconds % 60);
}

void http_write_status(writer *w, int status, int64_t now)
{
    char line[64], date[HTTP_DATE_MAX];
    snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
    write_text(w, line);
    if (status < 200) /* RFC 9110 6.6.1: not for what is only an interim answer */
        return;
    http_print_date(now, date);
    http_write_text_field(w, "Date", date);
}

static bool is_value(slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if ((value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] == 0x7f)
            return false;
    return true;
}

void http_write_field(writer *w, const char *name, slice value)
{
    if (!is_value(value)) {
        w->failed = true;
        return;
    }
    write_text(w, name);
    write_text(w, ": ");
    write_bytes(w, value);
    write_text(w, "\r\n");
}

void http_write_text_field(writer *w, const char *name, const char *value)
{
    http_write_field(w, name, slice_of_text(value));
}

void http_write_number_field(writer *w, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    http_write_text_field(w, name, text);
}

void http_write_head_end(writer *w)
{
    write_text(w, "\r\n");
}

void http_write_chunk_begin(writer *w, size_t size)
{
    char text[24];
    snprintf(text, sizeof text, "%zx\r\n", size);
    write_text(w, text);
}

void http_write_chunk_end(writer *w)
{
    write_text(w, "\r\n");
}

void http_write_chunk(writer *w, slice bytes)
{
    if (bytes.size == 0)
        return;
    http_write_chunk_begin(w, bytes.size);
    write_bytes(w, bytes);
    http_write_chunk_end(w);
}

void http_write_last_chunk(writer *w)
{
    write_text(w, "0\r\n\r\n");
}
