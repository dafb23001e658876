#include "cleaner_choose.h"

#include "cleaner_time.h"
#include "metadata_log.h"
#include "retention.h"
#include "server.h"

#define METADATA_TOMBSTONES_MS 86400000
#define METADATA_DIRTY_RATIO   0.5
#define SETTLING_RATIO         2.0 /* dirtier than any log can be */

/* The metadata log's records are compacted by (kind, name), which is all of their keys. */
static struct compaction_config configured(const struct server *server, const struct partition *partition)
{
    static const enum compaction_key keys[] = {[COMPACTION_BY_KEY] = COMPACTION_RECORD_KEY,
                                               [COMPACTION_BY_HEADER] = COMPACTION_HEADER,
                                               [COMPACTION_BY_PREFIX] = COMPACTION_PREFIX};
    if (partition == NULL)
        return (struct compaction_config){
            .delete_retention_ms = METADATA_TOMBSTONES_MS, .keep = 1, .key = COMPACTION_RECORD_KEY};
    const struct topic_config *topic = &partition->topic->config;
    struct topic_compaction_key key = topic_config_compaction_key(topic, server->config);
    return (struct compaction_config){
        .min_lag_ms = topic->min_compaction_lag_ms,
        .delete_retention_ms = topic->delete_retention_ms,
        .keep = topic->compaction_keep,
        .key = keys[key.kind],
        .header = key.header,
        .prefix = key.prefix,
    };
}

struct compaction_config cleaner_config(const struct server *server, const struct partition *partition, int64_t now)
{
    struct compaction_config config = configured(server, partition);
    if (config.delete_retention_ms > INT64_MAX - now)
        config.delete_retention_ms = INT64_MAX - now;
    if (server->retention != NULL)
        config.unproven_ms = cleaner_unproven_ms(retention_time(server->retention), now, config.delete_retention_ms);
    return config;
}

static bool is_overdue(const struct compaction_look *look, int64_t max_lag_ms, int64_t now)
{
    return look->first_dirty_timestamp >= 0 && max_lag_ms < now - look->first_dirty_timestamp;
}

static bool is_dirtier(const struct cleaner_target *target, const struct cleaner_target *than)
{
    if (than->log == NULL || target->is_overdue != than->is_overdue)
        return than->log == NULL || target->is_overdue;
    return target->dirty_ratio > than->dirty_ratio;
}

struct search {
    const struct server *server;
    struct cleaner_choice *choice;
    int64_t now;       /* ms of the wall clock */
    uint64_t loop_now; /* ms */
};

static bool can_be_begun(const struct search *search, const struct cleaner_target *target)
{
    return target->log != NULL && !log_is_offline(target->log) && target->state->retry_at <= search->loop_now;
}

/* What a failure has left comes before all else, and whatever the topic's policy is by now: without it nothing of the
 * log can be trimmed. */
static void look_for_unsettled(struct search *search, struct cleaner_target *target)
{
    if (target->log == NULL || !log_wants_settling(target->log))
        return;
    search->choice->any_compacted = true;
    if (!can_be_begun(search, target))
        return;
    target->bounds = (struct compaction_bounds){.cleaned_end = target->state->cleaned_end, .recovery_point = 0};
    target->is_overdue = true;
    target->dirty_ratio = SETTLING_RATIO;
    search->choice->target = *target;
}

static void look_at(struct search *search, struct cleaner_target *target, double min_ratio, int64_t max_lag_ms)
{
    struct cleaner_choice *choice = search->choice;
    if (!can_be_begun(search, target))
        return;
    struct compaction_look look;
    target->bounds = (struct compaction_bounds){.cleaned_end = target->state->cleaned_end,
                                                .recovery_point = log_synced_end_offset(target->log)};
    struct compaction_config config = cleaner_config(search->server, target->partition, search->now);
    log_compaction_look(target->log, &config, &target->bounds, search->now, &look);
    if (look.wants_timestamps)
        choice->undated = *target;
    if (look.dirty_bytes == 0)
        return;
    target->dirty_ratio = (double)look.dirty_bytes / (double)(look.clean_bytes + look.dirty_bytes);
    target->is_overdue = is_overdue(&look, max_lag_ms, search->now);
    if ((target->is_overdue || target->dirty_ratio > min_ratio) && is_dirtier(target, &choice->target))
        choice->target = *target;
}

static void look_for_unsettled_of(struct search *search, const struct topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct partition *partition = topic->partitions[i];
        struct cleaner_target target = {.partition = partition, .log = partition->log, .state = &partition->clean};
        look_for_unsettled(search, &target);
    }
}

static void look_at_topic(struct search *search, const struct topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct partition *partition = topic->partitions[i];
        struct cleaner_target target = {.partition = partition, .log = partition->log, .state = &partition->clean};
        look_at(search, &target, topic->config.min_cleanable_ratio, topic->config.max_compaction_lag_ms);
    }
}

void cleaner_choose(struct server *server, struct cleaner_choice *choice)
{
    struct search search = {
        .server = server, .choice = choice, .now = server_now(server), .loop_now = uv_now(server->loop)};
    *choice = (struct cleaner_choice){.any_compacted = false};
    for (const struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next) {
        if (topic->is_deleting)
            continue;
        look_for_unsettled_of(&search, topic);
        if ((topic->config.cleanup_policy & CLEANUP_COMPACT) == 0)
            continue;
        choice->any_compacted = true;
        look_at_topic(&search, topic);
    }
    struct cleaner_target metadata = {.log = metadata_log_log(server->metadata),
                                      .state = metadata_log_clean(server->metadata)};
    look_for_unsettled(&search, &metadata);
    if (metadata_log_may_be_compacted(server->metadata))
        look_at(&search, &metadata, METADATA_DIRTY_RATIO, INT64_MAX);
}
