/* Which values a topic's configuration takes, as Kafka has it. */
#include "topic_config_private.h"

#include <errno.h>
#include <strings.h>

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
    while (setting_next_element(&rest, &element)) {
        if (!is_replica(element))
            return error_set(error, -EINVAL,
                             "Invalid value %.*s for configuration %s: %s must be the literal '*' or a list of "
                             "replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                             SLICE_PRINT(value), key->name, key->name);
    }
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
    return setting_refuse(key->name, value, COMPACTION_KEY_FORMS, error);
}

static bool is_true(slice value)
{
    return value.size == 4 && strncasecmp((const char *)value.data, "true", 4) == 0;
}

int topic_config_check_value(const struct topic_config_key *key, slice value, struct error *error)
{
    bool is_text = key->type == SETTING_STRING && key->valid == NULL && value.size <= SETTING_TEXT_MAX;
    if (is_text)
        return check_compaction_key(key, value, error);
    if (key == &topic_config_table[REMOTE_STORAGE_ENABLE] && is_true(value))
        return error_set(error, -EINVAL,
                         "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
                         "remote log storage.");
    if (key->type == SETTING_LIST && key->valid == NULL && value.size <= SETTING_TEXT_MAX)
        return check_replicas(key, value, error);
    const struct setting_rule rule = {key->name, key->type, key->min, key->max, key->valid};
    return setting_check(&rule, value, error);
}
