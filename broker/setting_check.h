/* Which values a setting takes that a client makes: Kafka's rules, in Kafka's words. */
#pragma once

#include "slice.h"
#include "status.h"

#define SETTING_TEXT_MAX 4096 /* bytes of a value; lists are walked once for each of their elements */

enum setting_type {
    SETTING_BOOLEAN,
    SETTING_STRING,
    SETTING_INT,
    SETTING_LONG,
    SETTING_DOUBLE,
    SETTING_LIST /* separated by commas */
};

struct setting_rule {
    const char *name;
    enum setting_type type;
    int64_t min, max;  /* of numbers */
    const char *valid; /* of STRING and LIST: the values, "a,b,c"; NULL: any */
};

/* -EINVAL ("Invalid value x for configuration y: …"). `value` has been trimmed. */
MUST_USE int setting_check(const struct setting_rule *rule, slice value, struct error *error);
MUST_USE int setting_refuse(const char *name, slice value, const char *why, struct error *error);

/* Kafka drops the blanks around every value that is not just text, and around the elements of a list. */
slice setting_trim(slice text);
/* The elements of a LIST, without the blanks around them; `rest` starts as the list (null when that is empty), and is
 * null behind the last one. False when there is none. */
bool setting_next_element(slice *rest, slice *element);
