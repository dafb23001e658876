/* The data folder as a whole: what goes when there is too much.
 *
 * The oldest segment goes first, but only of partitions that have more than their share, which is what may stay divided
 * by the number of partitions that have something to give: so a busy topic pays for itself and a quiet one keeps its
 * old records. When the closed segments of those do not suffice, the oldest of all goes. Segments that are appended to
 * come last, and are rolled first. */
#include "retention_private.h"

#define LOOKS_APART_MS 250
#define CHOICES_MAX    1000 /* in one turn of the loop */

struct shares {
    uint64_t kept;  /* bytes, of all partitions */
    uint64_t total; /* likewise, with what is on its way out */
    size_t givers;  /* partitions that have something to give */
    uint64_t given; /* bytes, of theirs */
    uint64_t share; /* bytes */
    bool all_known; /* the ages of their oldest segments */
};

struct choice {
    struct partition *partition; /* NULL: none */
    struct retention_segment segment;
};

static bool can_give(const struct partition *partition)
{
    return retention_can_touch(partition) && (partition->topic->config.cleanup_policy & CLEANUP_DELETE) != 0 &&
           retention_oldest(partition->log).bytes > 0;
}

typedef void partition_callback(struct retention *retention, struct partition *partition, void *context);

static void for_each_partition(struct retention *retention, partition_callback *callback, void *context)
{
    for (struct topic *topic = retention->server->topics.by_name; topic != NULL; topic = topic->by_name.next) {
        for (int32_t i = 0; i < topic->partition_count; i++)
            callback(retention, topic->partitions[i], context);
    }
}

static void add_to_shares(struct retention *retention, struct partition *partition, void *context)
{
    struct shares *shares = context;
    (void)retention;
    if (partition->log == NULL)
        return;
    shares->total += log_bytes(partition->log);
    shares->kept += retention_kept_bytes(partition->log);
    if (!can_give(partition))
        return;
    shares->givers++;
    shares->given += retention_kept_bytes(partition->log);
    shares->all_known &= !retention_oldest(partition->log).is_unknown;
}

static struct shares measure(struct retention *retention)
{
    struct shares shares = {.all_known = true};
    for_each_partition(retention, add_to_shares, &shares);
    shares.total += retention->aside_bytes;
    return shares;
}

/* ---- choosing ---- */

struct search {
    uint64_t more_than; /* bytes that a partition has */
    bool active;        /* segments that are appended to */
    struct choice found;
};

static bool is_better(const struct search *search, const struct retention_segment *segment)
{
    const struct retention_segment *best = &search->found.segment;
    if (search->found.partition == NULL)
        return true;
    return search->active ? segment->bytes > best->bytes : segment->timestamp < best->timestamp;
}

static void consider(struct retention *retention, struct partition *partition, void *context)
{
    struct search *search = context;
    (void)retention;
    if (!can_give(partition) || retention_kept_bytes(partition->log) <= search->more_than)
        return;
    struct retention_segment segment = retention_oldest(partition->log);
    if (segment.is_active == search->active && is_better(search, &segment))
        search->found = (struct choice){partition, segment};
}

static struct choice choose(struct retention *retention, uint64_t more_than, bool active)
{
    struct search search = {.more_than = more_than, .active = active};
    for_each_partition(retention, consider, &search);
    return search.found;
}

static void ask_to_learn(struct retention *retention, struct partition *partition, void *context)
{
    (void)context;
    if (!can_give(partition) || !retention_oldest(partition->log).is_unknown)
        return;
    partition->retention.wants_learning = true;
    retention_ask_visit(retention, partition);
}

/* The bytes that are still missing. */
static uint64_t let_go(struct retention *retention, uint64_t missing, uint64_t share)
{
    for (int i = 0; i < CHOICES_MAX && missing > 0; i++) {
        struct choice choice = choose(retention, share, false);
        if (choice.partition == NULL)
            choice = choose(retention, 0, false);
        if (choice.partition == NULL)
            break;
        choice.partition->retention.at_once = true;
        retention_move_start(retention, choice.partition, choice.segment.end_offset);
        missing -= choice.segment.bytes < missing ? choice.segment.bytes : missing;
    }
    return missing;
}

/* The largest segment that is appended to, so that the next look may take it. False: there is none. */
static bool roll_one(struct retention *retention, uint64_t share)
{
    struct choice choice = choose(retention, share, true);
    if (choice.partition == NULL)
        choice = choose(retention, 0, true);
    if (choice.partition == NULL)
        return false;
    choice.partition->retention.wants_roll = true;
    retention_ask_visit(retention, choice.partition);
    return true;
}

/* ---- looking ---- */

static uint64_t missing_bytes(const struct retention *retention, const struct shares *shares)
{
    uint64_t missing = 0;
    uint64_t leaving = shares->total - shares->kept;
    if (retention->total_limit >= 0 && shares->kept > (uint64_t)retention->total_limit)
        missing = shares->kept - (uint64_t)retention->total_limit;
    if (retention->wanted_bytes > leaving && retention->wanted_bytes - leaving > missing)
        missing = retention->wanted_bytes - leaving;
    return missing;
}

static void look_again(struct retention *retention)
{
    retention->wants_space = true;
    retention->looked_at = 0;
    retention->space_tries++;
}

void retention_make_space(struct retention *retention)
{
    struct shares shares = measure(retention);
    bool is_first = retention->space_tries == 0;
    retention->wants_space = false;
    retention->looked_at = retention_now(retention);
    retention->total = shares.total;
    retention->grown = 0;
    uint64_t missing = missing_bytes(retention, &shares);
    bool is_over = retention->total_limit >= 0 && shares.total > (uint64_t)retention->total_limit;
    if (is_over || retention->wanted_bytes > 0)
        retention_hurry(retention);
    if (missing > 0 && is_first && !shares.all_known) {
        for_each_partition(retention, ask_to_learn, NULL);
        look_again(retention);
        return;
    }
    uint64_t share = shares.given > missing ? (shares.given - missing) / shares.givers : 0;
    uint64_t left = missing > 0 ? let_go(retention, missing, share) : 0;
    if (left > 0 && left < missing) {
        look_again(retention); /* the rest in a later turn */
    } else if (left > 0 && is_over && retention->space_tries < 2 && roll_one(retention, share)) {
        look_again(retention);
    } else {
        retention->space_tries = 0;
        retention->wanted_bytes = 0;
    }
    if (missing > left)
        log_info(retention->server->logger, "retention",
                 "bytes=%" PRIu64 " limit=%" PRId64 " the data folder has too much: %" PRIu64 " bytes go", shares.kept,
                 retention->total_limit, missing - left);
}

bool retention_wants_look(const struct retention *retention, uint64_t *due)
{
    *due = retention->looked_at + (retention->looked_at != 0 ? LOOKS_APART_MS : 0);
    return retention->wants_space;
}

/* ---- its life ---- */

/* Free space runs out: oldest records go before new ones are refused. It may be another program that fills the disk, so
 * half of what may be kept stays whatever comes. */
static void on_low(void *context)
{
    struct retention *retention = context;
    const struct disk_watch *watch = &retention->server->disk_watch;
    uint64_t wanted = 2 * watch->reserve + watch->reserve / 4;
    if (retention->total_limit < 0 || retention->is_stopping || watch->free >= wanted)
        return;
    uint64_t kept = measure(retention).kept, floor = (uint64_t)retention->total_limit / 2;
    uint64_t most = kept > floor ? kept - floor : 0;
    if (most == 0)
        return;
    retention->wanted_bytes = wanted - watch->free < most ? wanted - watch->free : most;
    retention->wants_space = true;
    retention_arm(retention);
}

int retention_total_open(struct retention *retention, struct error *error)
{
    struct server *server = retention->server;
    struct disk_space space = {0};
    retention->total = measure(retention).total;
    if (disk_find_space(server->disk, &space, NULL) == 0 && space.total > 0 &&
        config_size_retention(server->config, retention->total, space.free) != 0)
        return error_set_status(error, -ENOMEM, "configuration");
    retention->total_limit = config_number(server->config, CONFIG_FURROW_RETENTION_TOTAL_BYTES);
    log_info(server->logger, "retention", "total_bytes=%" PRIu64 " furrow.retention.total.bytes=%" PRId64 " source=%s",
             retention->total, retention->total_limit,
             config_source_at(server->config, CONFIG_FURROW_RETENTION_TOTAL_BYTES) == CONFIG_FROM_DEFAULT ? "disk"
                                                                                                          : "set");
    server->disk_watch.on_low = on_low;
    server->disk_watch.on_low_context = retention;
    return 0;
}

void retention_follow_config(struct retention *retention)
{
    retention->total_limit = config_number(retention->server->config, CONFIG_FURROW_RETENTION_TOTAL_BYTES);
    retention_note_append(retention, 0);
}
