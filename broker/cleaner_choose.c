#include "cleaner_choose.h"

#include "metadata_log.h"
#include "server.h"

#define METADATA_TOMBSTONES_MS 86400000
#define METADATA_DIRTY_RATIO   0.5

/* The metadata log's records are compacted by (kind, name), which is all of their keys. */
struct compaction_config cleaner_config(const struct server *server, const struct partition *partition)
{
    if (partition == NULL)
        return (struct compaction_config){
            .delete_retention_ms = METADATA_TOMBSTONES_MS, .keep = 1, .key = COMPACTION_RECORD_KEY};
    const struct topic_config *topic = &partition->topic->config;
    static const enum compaction_key keys[] = {[COMPACTION_BY_KEY] = COMPACTION_RECORD_KEY,
                                               [COMPACTION_BY_HEADER] = COMPACTION_HEADER,
                                               [COMPACTION_BY_PREFIX] = COMPACTION_PREFIX};
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
    struct cleaner_choice *choice;
    int64_t now;
    uint64_t loop_now;
};

static void look_at(struct search *search, struct cleaner_target *target, const struct compaction_config *config,
                    double min_ratio, int64_t max_lag_ms)
{
    struct cleaner_choice *choice = search->choice;
    if (target->log == NULL || log_is_offline(target->log) || log_is_compacting(target->log) ||
        target->state->retry_at > search->loop_now)
        return;
    struct compaction_look look;
    target->bounds = (struct compaction_bounds){.cleaned_end = target->state->cleaned_end,
                                                .recovery_point = log_synced_end_offset(target->log)};
    log_compaction_look(target->log, config, &target->bounds, search->now, &look);
    if (look.wants_timestamps)
        choice->undated = *target;
    if (look.dirty_bytes == 0)
        return;
    target->dirty_ratio = (double)look.dirty_bytes / (double)(look.clean_bytes + look.dirty_bytes);
    target->is_overdue = is_overdue(&look, max_lag_ms, search->now);
    if ((target->is_overdue || target->dirty_ratio > min_ratio) && is_dirtier(target, &choice->target))
        choice->target = *target;
}

static void look_at_topic(struct search *search, const struct server *server, struct topic *topic)
{
    const struct topic_config *config = &topic->config;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct partition *partition = topic->partitions[i];
        struct cleaner_target target = {.partition = partition, .log = partition->log, .state = &partition->clean};
        struct compaction_config compaction = cleaner_config(server, partition);
        look_at(search, &target, &compaction, config->min_cleanable_ratio, config->max_compaction_lag_ms);
    }
}

static void look_at_metadata(struct search *search, struct server *server)
{
    struct cleaner_target target = {.log = metadata_log_log(server->metadata),
                                    .state = metadata_log_clean(server->metadata)};
    struct compaction_config compaction = cleaner_config(server, NULL);
    look_at(search, &target, &compaction, METADATA_DIRTY_RATIO, INT64_MAX);
}

void cleaner_choose(struct server *server, int64_t now, uint64_t loop_now, struct cleaner_choice *choice)
{
    struct search search = {.choice = choice, .now = now, .loop_now = loop_now};
    *choice = (struct cleaner_choice){.any_compacted = false};
    for (struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next) {
        if ((topic->config.cleanup_policy & CLEANUP_COMPACT) == 0 || topic->is_deleting)
            continue;
        choice->any_compacted = true;
        look_at_topic(&search, server, topic);
    }
    look_at_metadata(&search, server);
}
