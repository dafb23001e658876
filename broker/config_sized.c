/* Defaults that follow the size of the machine, and what one key makes of another. */
#include "config_private.h"
#include "disk_watch.h"
#include "topic_config.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/resource.h>

#define KIB          ((int64_t)1 << 10)
#define MIB          ((int64_t)1 << 20)

#define REQUEST_MOST (100 * MIB) /* Kafka's default */

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* The largest power of two that is not above. */
static int64_t round_down(int64_t value)
{
    int64_t power = 1;
    while (power <= value / 2)
        power *= 2;
    return power;
}

static int64_t open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return 4096;
    return clamp((int64_t)limit.rlim_cur / 2, 16, 4096);
}

int config_size_defaults(struct config *config, const struct machine *machine)
{
    int64_t memory = clamp((int64_t)(machine->memory_bytes & INT64_MAX), 16 * MIB, INT64_MAX);
    struct {
        enum config_id id;
        int64_t value;
    } sized[] = {
        {CONFIG_SOCKET_REQUEST_MAX_BYTES, clamp(memory / 16, 64 * KIB, REQUEST_MOST)},
        {CONFIG_FURROW_MEMORY_LIMIT_BYTES, clamp(memory / 4, 256 * KIB, 1024 * MIB)},
        {CONFIG_FURROW_GROUPS_MEMORY_BYTES, clamp(memory / 8, MIB, 1024 * MIB)},
        {CONFIG_FURROW_TRANSACTIONS_MEMORY_BYTES, clamp(memory / 32, MIB, 256 * MIB)},
        {CONFIG_LOG_SEGMENT_BYTES, clamp(round_down(memory / 8), MIB, 1024 * MIB)},
        {CONFIG_LOG_CLEANER_DEDUPE_BUFFER_SIZE, clamp(round_down(memory / 128), MIB, 32 * MIB)},
        {CONFIG_MAX_OPEN_FILES, open_files()},
    };
    for (size_t i = 0; i < sizeof sized / sizeof sized[0]; i++) {
        int rc = config_set_default(config, sized[i].id, sized[i].value);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static bool is_set(const struct config *config, enum config_id id)
{
    return config->values[id].source != CONFIG_FROM_DEFAULT;
}

/* Where `finer` is not set itself, its default is `coarser` × `factor`. */
static int derive(struct config *config, enum config_id finer, enum config_id coarser, int64_t factor)
{
    if (is_set(config, finer))
        return 0;
    int64_t value = config_number(config, coarser);
    return config_set_default(config, finer, value < 0 ? value : value * factor);
}

static int derive_all(struct config *config)
{
    enum config_id retention =
        is_set(config, CONFIG_LOG_RETENTION_MINUTES) ? CONFIG_LOG_RETENTION_MINUTES : CONFIG_LOG_RETENTION_HOURS;
    int64_t unit = retention == CONFIG_LOG_RETENTION_MINUTES ? 60000 : 3600000;
    int rc = derive(config, CONFIG_LOG_RETENTION_MS, retention, unit);
    if (rc == 0)
        rc = derive(config, CONFIG_LOG_ROLL_MS, CONFIG_LOG_ROLL_HOURS, 3600000);
    if (rc == 0)
        rc = derive(config, CONFIG_LOG_ROLL_JITTER_MS, CONFIG_LOG_ROLL_JITTER_HOURS, 3600000);
    return rc;
}

/* Whoever sets the memory for all has said how large the machine is. */
static int follow_memory_limit(struct config *config)
{
    if (is_set(config, CONFIG_SOCKET_REQUEST_MAX_BYTES) || !is_set(config, CONFIG_FURROW_MEMORY_LIMIT_BYTES))
        return 0;
    int64_t memory = config_number(config, CONFIG_FURROW_MEMORY_LIMIT_BYTES);
    return config_set_default(config, CONFIG_SOCKET_REQUEST_MAX_BYTES, clamp(memory / 4, KIB, REQUEST_MOST));
}

/* What a group inherits lies where its own settings must lie. */
static int check_between(const struct config *config, enum config_id least, enum config_id id, enum config_id most,
                         struct error *error)
{
    int64_t value = config_number(config, id);
    if (value < config_number(config, least))
        return error_set(error, -EINVAL, "%s=%" PRId64 " is less than %s=%" PRId64, config_key((int)id)->name, value,
                         config_key((int)least)->name, config_number(config, least));
    if (value > config_number(config, most))
        return error_set(error, -EINVAL, "%s=%" PRId64 " is more than %s=%" PRId64, config_key((int)id)->name, value,
                         config_key((int)most)->name, config_number(config, most));
    return 0;
}

static int check_groups(const struct config *config, struct error *error)
{
    int rc =
        check_between(config, CONFIG_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS, CONFIG_GROUP_CONSUMER_SESSION_TIMEOUT_MS,
                      CONFIG_GROUP_CONSUMER_MAX_SESSION_TIMEOUT_MS, error);
    if (rc == 0)
        rc = check_between(config, CONFIG_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS,
                           CONFIG_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS, CONFIG_GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS,
                           error);
    if (rc == 0)
        rc = check_between(config, CONFIG_GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS,
                           CONFIG_GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS,
                           CONFIG_GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS, error);
    if (rc == 0 && *config_string(config, CONFIG_GROUP_CONSUMER_ASSIGNORS) == '\0')
        rc = error_set(error, -EINVAL, "group.consumer.assignors must name one at least: uniform, range");
    int64_t interval = config_number(config, CONFIG_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS);
    if (rc == 0 && config_number(config, CONFIG_GROUP_CONSUMER_SESSION_TIMEOUT_MS) <= interval)
        rc = error_set(
            error, -EINVAL,
            "group.consumer.session.timeout.ms must be more than group.consumer.heartbeat.interval.ms=%" PRId64,
            interval);
    return rc;
}

int config_finish(struct config *config, struct error *error)
{
    int rc = derive_all(config);
    if (rc == 0)
        rc = follow_memory_limit(config);
    if (rc != 0)
        return error_set_status(error, rc, "configuration");
    int64_t request = config_number(config, CONFIG_SOCKET_REQUEST_MAX_BYTES);
    int64_t memory = config_number(config, CONFIG_FURROW_MEMORY_LIMIT_BYTES);
    /* Fetches that wait for records hold memory too: a request that needs nearly all of it would wait for ever. */
    if (request > memory / 2)
        return error_set(error, -EINVAL,
                         "socket.request.max.bytes=%" PRId64 " is more than half of furrow.memory.limit.bytes=%" PRId64,
                         request, memory);
    const char *key = config_string(config, CONFIG_FURROW_COMPACTION_KEY);
    struct topic_compaction_key parsed;
    if (!topic_config_parse_compaction_key(slice_of_text(key), &parsed))
        return error_set(error, -EINVAL, "furrow.compaction.key=%s: " COMPACTION_KEY_FORMS, key);
    return check_groups(config, error);
}

int config_size_to_disk(struct config *config, uint64_t total_bytes)
{
    uint64_t segment = (uint64_t)config_number(config, CONFIG_LOG_SEGMENT_BYTES);
    uint64_t reserve = disk_watch_default_reserve(total_bytes, segment);
    return config_set_default(config, CONFIG_DISK_RESERVE_BYTES, (int64_t)reserve);
}

int config_size_retention(struct config *config, uint64_t held, uint64_t free)
{
    uint64_t limit = (held + free) / 5 * 4;
    return config_set_default(config, CONFIG_FURROW_RETENTION_TOTAL_BYTES, (int64_t)(limit > held ? limit : held));
}
