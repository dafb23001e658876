/* Which values a topic's configuration takes, as Kafka has it. */
#include "topic_config_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static bool names_value(const char *valid, slice value)
{
    while (*valid != '\0') {
        size_t size = strcspn(valid, ",");
        if (slice_equal(value, slice_of(valid, size)))
            return true;
        valid += size + (valid[size] == ',');
    }
    return false;
}

slice topic_config_trim(slice text)
{
    while (text.size != 0 && text.data[0] <= ' ')
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size != 0 && text.data[text.size - 1] <= ' ')
        text.size--;
    return text;
}

bool topic_config_next_element(slice *rest, slice *element)
{
    if (slice_is_null(*rest))
        return false;
    const uint8_t *comma = rest->size != 0 ? memchr(rest->data, ',', rest->size) : NULL;
    size_t size = comma != NULL ? (size_t)(comma - rest->data) : rest->size;
    *element = topic_config_trim(slice_of(rest->data, size));
    *rest = comma != NULL ? slice_of(comma + 1, rest->size - size - 1) : NULL_SLICE;
    return true;
}

static int refuse(const struct topic_config_key *key, slice value, const char *why, struct error *error)
{
    return error_set(error, -EINVAL, "Invalid value %.*s for configuration %s: %s", SLICE_PRINT(value), key->name, why);
}

static int check_number(const struct topic_config_key *key, slice value, struct error *error)
{
    char text[24], *end;
    bool is_int = key->type == TOPIC_CONFIG_INT;
    const char *not_a_number = is_int ? "Not a number of type INT" : "Not a number of type LONG";
    if (value.size == 0 || value.size >= sizeof text)
        return refuse(key, value, not_a_number, error);
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*end != '\0' || errno != 0 || text[0] == ' ' || (is_int && (number < INT32_MIN || number > INT32_MAX)))
        return refuse(key, value, not_a_number, error);
    char why[64];
    if (number < key->min) {
        snprintf(why, sizeof why, "Value must be at least %" PRId64, key->min);
        return refuse(key, value, why, error);
    }
    if (key == &topic_config_table[COMPRESSION_GZIP_LEVEL] && (number == 0 || number > key->max))
        return refuse(key, value, "Value must be between 1 and 9 or equal to -1", error);
    if (number > key->max) {
        snprintf(why, sizeof why, "Value must be no more than %" PRId64, key->max);
        return refuse(key, value, why, error);
    }
    return 0;
}

static int refuse_choice(const struct topic_config_key *key, slice value, struct error *error)
{
    char choices[96];
    size_t at = 0;
    for (const char *valid = key->valid; *valid != '\0' && at < sizeof choices - 2; valid++) {
        choices[at++] = *valid;
        if (*valid == ',')
            choices[at++] = ' ';
    }
    choices[at] = '\0';
    return error_set(error, -EINVAL, "Invalid value %.*s for configuration %s: String must be one of: %s",
                     SLICE_PRINT(value), key->name, choices);
}

static size_t count_digits(slice text)
{
    size_t count = 0;
    while (count < text.size && text.data[count] >= '0' && text.data[count] <= '9')
        count++;
    return count;
}

static bool is_replica(slice element)
{
    size_t partition = count_digits(element);
    if (partition == 0 || partition == element.size || element.data[partition] != ':')
        return element.size == 0;
    slice broker = slice_of(element.data + partition + 1, element.size - partition - 1);
    return broker.size != 0 && count_digits(broker) == broker.size;
}

/* "*", or partition:broker for each replica; as in Kafka, elements may be empty or repeated. */
static int check_replicas(const struct topic_config_key *key, slice value, struct error *error)
{
    slice rest = slice_equal(value, slice_of_text("*")) ? NULL_SLICE : value, element;
    while (topic_config_next_element(&rest, &element)) {
        if (!is_replica(element))
            return error_set(error, -EINVAL,
                             "Invalid value %.*s for configuration %s: %s must be the literal '*' or a list of "
                             "replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                             SLICE_PRINT(value), key->name, key->name);
    }
    return 0;
}

/* An empty list is valid, an empty element is not; nothing may be in it twice (KIP-1161). */
static int check_list(const struct topic_config_key *key, slice value, struct error *error)
{
    slice rest = value.size != 0 ? value : NULL_SLICE, element;
    while (topic_config_next_element(&rest, &element)) {
        slice others = rest, other;
        if (element.size == 0)
            return error_set(error, -EINVAL, "Configuration '%s' values must not be empty.", key->name);
        if (!names_value(key->valid, element))
            return refuse_choice(key, element, error);
        while (topic_config_next_element(&others, &other)) {
            if (slice_equal(element, other))
                return error_set(error, -EINVAL, "Configuration '%s' values must not be duplicated.", key->name);
        }
    }
    return 0;
}

static int check_ratio(const struct topic_config_key *key, slice value, struct error *error)
{
    char text[32], *end;
    if (value.size == 0 || value.size >= sizeof text)
        return refuse(key, value, "Not a number of type DOUBLE", error);
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    double number = strtod(text, &end);
    if (*end != '\0')
        return refuse(key, value, "Not a number of type DOUBLE", error);
    if (!(number >= 0 && number <= 1))
        return refuse(key, value, number < 0 ? "Value must be at least 0" : "Value must be no more than 1", error);
    return 0;
}

bool topic_config_parse_compaction_key(slice text, struct topic_compaction_key *key)
{
    static const char header[] = "header:", prefix[] = "prefix:";
    *key = (struct topic_compaction_key){.kind = COMPACTION_BY_KEY};
    if (slice_equal(text, slice_of_text("key")))
        return true;
    if (text.size <= sizeof header - 1)
        return false;
    slice rest = slice_of(text.data + sizeof header - 1, text.size - (sizeof header - 1));
    if (memcmp(text.data, header, sizeof header - 1) == 0) {
        key->kind = COMPACTION_BY_HEADER;
        key->header = rest;
        return rest.size <= COMPACTION_HEADER_MOST;
    }
    key->kind = COMPACTION_BY_PREFIX;
    for (size_t i = 0; i < rest.size && key->prefix <= COMPACTION_PREFIX_MOST; i++)
        key->prefix = key->prefix * 10 + (uint32_t)(rest.data[i] - '0');
    return memcmp(text.data, prefix, sizeof prefix - 1) == 0 && count_digits(rest) == rest.size && key->prefix >= 1 &&
           key->prefix <= COMPACTION_PREFIX_MOST;
}

static int check_compaction_key(const struct topic_config_key *key, slice value, struct error *error)
{
    struct topic_compaction_key parsed;
    if (topic_config_parse_compaction_key(value, &parsed))
        return 0;
    return refuse(key, value, COMPACTION_KEY_FORMS, error);
}

static bool is_boolean(slice value)
{
    return (value.size == 4 && strncasecmp((const char *)value.data, "true", 4) == 0) ||
           (value.size == 5 && strncasecmp((const char *)value.data, "false", 5) == 0);
}

int topic_config_check_value(const struct topic_config_key *key, slice value, struct error *error)
{
    if (value.size > TOPIC_CONFIG_TEXT_MAX)
        return error_set(error, -EINVAL, "Invalid value for configuration %s: it is longer than %d bytes", key->name,
                         TOPIC_CONFIG_TEXT_MAX);
    switch (key->type) {
    case TOPIC_CONFIG_INT:
    case TOPIC_CONFIG_LONG:
        return check_number(key, value, error);
    case TOPIC_CONFIG_DOUBLE:
        return check_ratio(key, value, error);
    case TOPIC_CONFIG_LIST:
        return key->valid != NULL ? check_list(key, value, error) : check_replicas(key, value, error);
    case TOPIC_CONFIG_BOOLEAN:
        if (key == &topic_config_table[REMOTE_STORAGE_ENABLE] && value.size == 4 && is_boolean(value))
            return error_set(error, -EINVAL,
                             "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
                             "remote log storage.");
        if (is_boolean(value))
            return 0;
        return refuse(key, value, "Expected value to be either true or false", error);
    case TOPIC_CONFIG_STRING:
        if (key->valid == NULL)
            return check_compaction_key(key, value, error);
        break;
    }
    return names_value(key->valid, value) ? 0 : refuse_choice(key, value, error);
}
