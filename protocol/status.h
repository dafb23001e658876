/* What functions return when they fail, and how the details travel.
 *
 * An operation returns 0 or a negative code: the system's (libuv's negative errno) or one of ours below. Where the
 * caller may want words, it passes a `struct error`; each level on the way up puts its own name in front with
 * error_wrap, so that a message reads outside in: "orders-0: segment 12345: offset index: entry 17 goes back". */
#pragma once

#include <stddef.h>

#define MUST_USE                 __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* name, code, text */
#define FURROW_STATUS_MAP(X)                                                                                           \
    X(MALFORMED, -10001, "malformed data")                                                                             \
    X(CORRUPT, -10002, "corrupt data")                                                                                 \
    X(TOO_LARGE, -10003, "larger than the limit")                                                                      \
    X(UNSUPPORTED, -10004, "not supported")                                                                            \
    X(OUT_OF_RANGE, -10005, "out of range")                                                                            \
    X(OUT_OF_ORDER_SEQUENCE, -10006, "producer sequence out of order")                                                 \
    X(DUPLICATE_SEQUENCE, -10007, "producer sequence was written before")                                              \
    X(STALE_PRODUCER_EPOCH, -10008, "producer epoch is older than the last one seen")                                  \
    X(OFFLINE, -10009, "partition is offline")                                                                         \
    X(IN_USE, -10010, "in use by another process")                                                                     \
    X(WRONG_VERSION, -10011, "written by an unknown version")                                                          \
    X(NOT_TRANSACTIONAL, -10012, "not part of the producer's open transaction")                                        \
    X(STALE_COORDINATOR_EPOCH, -10013, "coordinator epoch is older than the last one seen")

enum furrow_status {
#define X(name, code, text) FURROW_##name = code,
    FURROW_STATUS_MAP(X)
#undef X
};

#define ERROR_MESSAGE_MAX 256

struct error {
    int code;                        /* 0 while nothing failed */
    char message[ERROR_MESSAGE_MAX]; /* cut at the end when longer */
};

/* Text of one of our codes or of a negative errno; never NULL, lives for ever. */
const char *status_text(int code);

/* Sets code and message and returns `code`. `error` may be NULL: the caller wants no words. */
PRINTF_LIKE(3, 4) int error_set(struct error *error, int code, const char *format, ...);

/* As error_set, the message ending in ": " and the text of the code. */
PRINTF_LIKE(3, 4) int error_set_status(struct error *error, int code, const char *format, ...);

/* Puts the formatted text and ": " in front of the message and returns `code`. */
PRINTF_LIKE(3, 4) int error_wrap(struct error *error, int code, const char *format, ...);
