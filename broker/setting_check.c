#include "setting_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static bool names_value(const char *valid, slice value)
{
    if (valid == NULL)
        return true;
    while (*valid != '\0') {
        size_t size = strcspn(valid, ",");
        if (slice_equal(value, slice_of(valid, size)))
            return true;
        valid += size + (valid[size] == ',');
    }
    return false;
}

slice setting_trim(slice text)
{
    while (text.size != 0 && text.data[0] <= ' ')
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size != 0 && text.data[text.size - 1] <= ' ')
        text.size--;
    return text;
}

bool setting_next_element(slice *rest, slice *element)
{
    if (slice_is_null(*rest))
        return false;
    const uint8_t *comma = rest->size != 0 ? memchr(rest->data, ',', rest->size) : NULL;
    size_t size = comma != NULL ? (size_t)(comma - rest->data) : rest->size;
    *element = setting_trim(slice_of(rest->data, size));
    *rest = comma != NULL ? slice_of(comma + 1, rest->size - size - 1) : NULL_SLICE;
    return true;
}

int setting_refuse(const char *name, slice value, const char *why, struct error *error)
{
    return error_set(error, -EINVAL, "Invalid value %.*s for configuration %s: %s", SLICE_PRINT(value), name, why);
}

static int check_number(const struct setting_rule *rule, slice value, struct error *error)
{
    char text[24], *end;
    bool is_int = rule->type == SETTING_INT;
    const char *not_a_number = is_int ? "Not a number of type INT" : "Not a number of type LONG";
    if (value.size == 0 || value.size >= sizeof text)
        return setting_refuse(rule->name, value, not_a_number, error);
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*end != '\0' || errno != 0 || text[0] == ' ' || (is_int && (number < INT32_MIN || number > INT32_MAX)))
        return setting_refuse(rule->name, value, not_a_number, error);
    char why[64];
    if (number < rule->min) {
        snprintf(why, sizeof why, "Value must be at least %" PRId64, rule->min);
        return setting_refuse(rule->name, value, why, error);
    }
    if (strcmp(rule->name, "compression.gzip.level") == 0 && (number == 0 || number > rule->max))
        return setting_refuse(rule->name, value, "Value must be between 1 and 9 or equal to -1", error);
    if (number > rule->max) {
        snprintf(why, sizeof why, "Value must be no more than %" PRId64, rule->max);
        return setting_refuse(rule->name, value, why, error);
    }
    return 0;
}

static int refuse_choice(const struct setting_rule *rule, slice value, struct error *error)
{
    char choices[96];
    size_t at = 0;
    for (const char *valid = rule->valid; *valid != '\0' && at < sizeof choices - 2; valid++) {
        choices[at++] = *valid;
        if (*valid == ',')
            choices[at++] = ' ';
    }
    choices[at] = '\0';
    return error_set(error, -EINVAL, "Invalid value %.*s for configuration %s: String must be one of: %s",
                     SLICE_PRINT(value), rule->name, choices);
}

/* An empty list is valid, an empty element is not; nothing may be in it twice (KIP-1161). */
static int check_list(const struct setting_rule *rule, slice value, struct error *error)
{
    slice rest = value.size != 0 ? value : NULL_SLICE, element;
    while (setting_next_element(&rest, &element)) {
        slice others = rest, other;
        if (element.size == 0)
            return error_set(error, -EINVAL, "Configuration '%s' values must not be empty.", rule->name);
        if (!names_value(rule->valid, element))
            return refuse_choice(rule, element, error);
        while (setting_next_element(&others, &other)) {
            if (slice_equal(element, other))
                return error_set(error, -EINVAL, "Configuration '%s' values must not be duplicated.", rule->name);
        }
    }
    return 0;
}

static int check_decimal(const struct setting_rule *rule, slice value, struct error *error)
{
    char text[400], why[64], *end;
    if (value.size == 0 || value.size >= sizeof text)
        return setting_refuse(rule->name, value, "Not a number of type DOUBLE", error);
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    double number = strtod(text, &end);
    if (*end != '\0' || number != number)
        return setting_refuse(rule->name, value, "Not a number of type DOUBLE", error);
    bool is_low = number < (double)rule->min;
    if (!is_low && (rule->max == INT64_MAX || number <= (double)rule->max))
        return 0;
    snprintf(why, sizeof why, is_low ? "Value must be at least %" PRId64 : "Value must be no more than %" PRId64,
             is_low ? rule->min : rule->max);
    return setting_refuse(rule->name, value, why, error);
}

static bool is_boolean(slice value)
{
    return (value.size == 4 && strncasecmp((const char *)value.data, "true", 4) == 0) ||
           (value.size == 5 && strncasecmp((const char *)value.data, "false", 5) == 0);
}

int setting_check(const struct setting_rule *rule, slice value, struct error *error)
{
    if (value.size > SETTING_TEXT_MAX)
        return error_set(error, -EINVAL, "Invalid value for configuration %s: it is longer than %d bytes", rule->name,
                         SETTING_TEXT_MAX);
    if (value.size != 0 && memchr(value.data, '\0', value.size) != NULL) /* settings are kept as C strings */
        return setting_refuse(rule->name, value, "it has a NUL character", error);
    switch (rule->type) {
    case SETTING_INT:
    case SETTING_LONG:
        return check_number(rule, value, error);
    case SETTING_DOUBLE:
        return check_decimal(rule, value, error);
    case SETTING_LIST:
        return check_list(rule, value, error);
    case SETTING_BOOLEAN:
        return is_boolean(value)
                   ? 0
                   : setting_refuse(rule->name, value, "Expected value to be either true or false", error);
    case SETTING_STRING:
        break;
    }
    return names_value(rule->valid, value) ? 0 : refuse_choice(rule, value, error);
}
