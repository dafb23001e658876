/* Media types (RFC 9110, section 8.3.1), the choice among them by Accept (section 12.5.1), and those of Confluent's
 * REST Proxy. Names compare without regard to case. Borrowed slices; nothing is allocated. */
#pragma once

#include "slice.h"

struct media_type {
    slice type;       /* "application"; "*" in a range */
    slice subtype;    /* "vnd.kafka.v2+json"; "*" in a range */
    slice parameters; /* for field_next_parameter */
};

/* False when the text is no media type; it may be a range, as of Accept. */
bool media_type_parse(slice text, struct media_type *media);

/* Whether it is `name` ("application/json"), whatever its parameters. */
bool media_type_is(const struct media_type *media, const char *name);

/* Which of the `count` offers, in the order in which the server likes them, an Accept field prefers: the highest
 * quality, each offer's being that of the most specific range that covers it. 0 without the field (null or empty), -1
 * when it wants none of them. Elements that are no ranges say nothing. */
int media_type_choose(slice accept, const char *const *offers, int count);

/* application/vnd.kafka[.FORMAT][.vN]+json */
struct kafka_media_type {
    slice format;     /* "binary", "json", "avro", …; empty without one */
    unsigned version; /* 0 without one */
};

bool media_type_kafka(const struct media_type *media, struct kafka_media_type *kafka);
