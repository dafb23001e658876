/* Happy path. An ending gets a sending: the list of its partitions. At the turn's end these are given to
 * append_markers, the groups' part to the groups; when all have answered, and none wants another try, the ending is
 * done.
 *
 * Failures. A sending whose partitions did not all take their marker waits for the timer, and tries those again. An
 * ending that got no memory waits, too. The pause doubles while there is no success. */
#include "operations/transaction_markers.h"

#include "container.h"
#include "operations/append_markers.h"
#include "operations/groups.h"
#include "operations/transactions.h"
#include "operations/turn_end.h"
#include "server.h"

#include <errno.h>

#define PAUSE_MS     50
#define PAUSE_MAX_MS 30000

/* Of a part: it needs another try. */
#define MISSING KAFKA_COORDINATOR_NOT_AVAILABLE

struct sending {
    struct transaction_markers *markers;
    struct transaction_ending *ending;
    struct marker_append append;
    struct marker_part *parts; /* in the order of the ending's partitions */
    size_t count;
    struct group_transaction_end groups;
    enum kafka_error groups_result;
    bool wants_groups; /* in this try */
    unsigned pending;  /* answers */
    struct sending *next;
};

struct transaction_markers {
    struct server *server;
    struct memory *memory;
    transaction_markers_done *done;
    void *context;
    struct transaction_ending *fresh; /* no sending yet, in order */
    struct transaction_ending **fresh_tail;
    struct sending *finished;
    struct sending *failed;             /* wait for the timer */
    struct transaction_ending *starved; /* they too: no memory for a sending */
    unsigned under_way;
    struct turn_end turn_end;
    uv_timer_t timer;
    uint64_t pause; /* ms, before the next try */
    bool is_stopped;
    int open_handles;
};

/* ---- one sending ---- */

static void free_sending(struct sending *sending)
{
    struct memory *memory = sending->markers->memory;
    memory_free(memory, MEMORY_TRANSACTIONS, sending->parts, sending->count * sizeof *sending->parts);
    memory_free(memory, MEMORY_TRANSACTIONS, sending, sizeof *sending);
}

static struct sending *make_sending(struct transaction_markers *markers, struct transaction_ending *ending)
{
    struct sending *sending = memory_alloc_zeroed(markers->memory, MEMORY_TRANSACTIONS, sizeof *sending);
    if (sending == NULL)
        return NULL;
    sending->markers = markers;
    sending->ending = ending;
    sending->count = ending->partitions->count;
    sending->parts = memory_alloc_zeroed(markers->memory, MEMORY_TRANSACTIONS, sending->count * sizeof *sending->parts);
    if (sending->parts == NULL) {
        memory_free(markers->memory, MEMORY_TRANSACTIONS, sending, sizeof *sending);
        return NULL;
    }
    for (size_t i = 0; i < sending->count; i++)
        sending->parts[i].error = MISSING;
    return sending;
}

static bool is_groups(slice topic)
{
    return slice_equal(topic, slice_of_text(GROUPS_TOPIC));
}

/* Whether nothing more is to be done for it; said in the log where that is not as it should be. */
static enum kafka_error judge(const struct sending *sending, slice topic, int32_t partition, enum kafka_error error)
{
    struct logger *logger = sending->markers->server->logger;
    bool is_overruled = error == KAFKA_INVALID_PRODUCER_EPOCH || error == KAFKA_TRANSACTION_COORDINATOR_FENCED;
    if (error == KAFKA_NONE || error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION)
        return KAFKA_NONE;
    if (is_overruled)
        log_error(logger, "transactions", "transactional_id=%s topic=%s partition=%d error=%s marker left out",
                  log_quote(sending->ending->transactional_id).text, log_quote(topic).text, partition,
                  kafka_error_name((int16_t)error));
    else
        log_warn(logger, "transactions", "transactional_id=%s topic=%s partition=%d error=%s marker to be tried again",
                 log_quote(sending->ending->transactional_id).text, log_quote(topic).text, partition,
                 kafka_error_name((int16_t)error));
    return is_overruled ? KAFKA_NONE : MISSING;
}

static void arm(struct transaction_markers *markers);

static void finish_try(struct sending *sending)
{
    struct transaction_markers *markers = sending->markers;
    bool is_missing = false;
    for (size_t i = 0; i < sending->count; i++)
        is_missing = is_missing || sending->parts[i].error != KAFKA_NONE;
    markers->under_way--;
    if (is_missing) {
        sending->next = markers->failed;
        markers->failed = sending;
        arm(markers);
        return;
    }
    markers->pause = PAUSE_MS;
    sending->next = markers->finished;
    markers->finished = sending;
    turn_end_ask(&markers->turn_end);
}

static void answered(struct sending *sending)
{
    if (--sending->pending == 0)
        finish_try(sending);
}

typedef void part_callback(struct sending *sending, struct marker_part *part, slice topic, int32_t partition);

static void for_each_part(struct sending *sending, part_callback *callback)
{
    const struct transaction_partitions *partitions = sending->ending->partitions;
    struct marker_part *part = sending->parts;
    for (int32_t i = 0; i < partitions->topic_count; i++) {
        const struct transaction_topic *topic = partitions->topics[i];
        for (int32_t j = 0; j < topic->count; j++)
            callback(sending, part++, topic->name, topic->partitions[j]);
    }
}

static void take_result(struct sending *sending, struct marker_part *part, slice topic, int32_t partition)
{
    if (part->partition == NULL)
        return;
    part->partition = NULL;
    part->error = judge(sending, topic, partition, part->error);
}

static void on_appended(struct marker_append *append)
{
    struct sending *sending = CONTAINER_OF(append, struct sending, append);
    for_each_part(sending, take_result);
    answered(sending);
}

static void take_groups_result(struct sending *sending, struct marker_part *part, slice topic, int32_t partition)
{
    if (is_groups(topic))
        part->error = judge(sending, topic, partition, sending->groups_result);
}

static void on_groups_ended(struct group_transaction_end *end, enum kafka_error error)
{
    struct sending *sending = CONTAINER_OF(end, struct sending, groups);
    sending->groups_result = error;
    for_each_part(sending, take_groups_result);
    answered(sending);
}

static void look_up(struct sending *sending, struct marker_part *part, slice name, int32_t partition)
{
    if (part->error == KAFKA_NONE)
        return;
    if (is_groups(name)) {
        sending->wants_groups = true;
        return;
    }
    const struct topic *topic = topics_find(&sending->markers->server->topics, name);
    part->partition = topic != NULL ? topic_partition(topic, partition) : NULL;
    if (part->partition == NULL)
        part->error = KAFKA_NONE; /* deleted */
}

/* In Kafka each partition of its log is a coordinator with an epoch of its own; here one goes on with the work of all,
 * and its markers must not look older than theirs. */
int32_t transaction_markers_epoch(const struct server *server)
{
    const struct topic *topic = topics_find(&server->topics, slice_of_text(TRANSACTIONS_TOPIC));
    int32_t epoch = 0;
    for (int32_t i = 0; topic != NULL && i < topic->partition_count; i++) {
        const struct log *log = topic->partitions[i]->log;
        if (log != NULL && log_leader_epoch(log) > epoch)
            epoch = log_leader_epoch(log);
    }
    return epoch;
}

static void try_sending(struct sending *sending)
{
    struct transaction_markers *markers = sending->markers;
    const struct transaction_ending *ending = sending->ending;
    int32_t epoch = transaction_markers_epoch(markers->server);
    bool any = false;
    sending->wants_groups = false;
    for_each_part(sending, look_up);
    for (size_t i = 0; i < sending->count; i++)
        any = any || sending->parts[i].partition != NULL;
    markers->under_way++;
    sending->pending = 1;
    if (any) {
        sending->append = (struct marker_append){.producer_id = ending->producer_id,
                                                 .producer_epoch = ending->producer_epoch,
                                                 .coordinator_epoch = epoch,
                                                 .commits = ending->commits,
                                                 .parts = sending->parts,
                                                 .count = (int32_t)sending->count,
                                                 .done = on_appended};
        sending->pending++;
        append_markers_start(markers->server->appends, &sending->append);
    }
    if (sending->wants_groups) {
        sending->groups = (struct group_transaction_end){.producer_id = ending->producer_id,
                                                         .producer_epoch = ending->producer_epoch,
                                                         .coordinator_epoch = epoch,
                                                         .commits = ending->commits,
                                                         .done = on_groups_ended};
        sending->pending++;
        group_service_end_transaction(markers->server->groups, &sending->groups);
    }
    answered(sending);
}

/* ---- all of them ---- */

void transaction_markers_send(struct transaction_markers *markers, struct transaction_ending *ending)
{
    ending->next = NULL;
    *markers->fresh_tail = ending;
    markers->fresh_tail = &ending->next;
    turn_end_ask(&markers->turn_end);
}

static void give_out_finished(struct transaction_markers *markers)
{
    while (markers->finished != NULL) {
        struct sending *sending = markers->finished;
        struct transaction_ending *ending = sending->ending;
        markers->finished = sending->next;
        free_sending(sending);
        markers->done(markers->context, ending);
    }
}

static void start_fresh(struct transaction_markers *markers)
{
    struct transaction_ending *fresh = markers->fresh;
    markers->fresh = NULL;
    markers->fresh_tail = &markers->fresh;
    for (struct transaction_ending *ending = fresh, *next; ending != NULL; ending = next) {
        next = ending->next;
        struct sending *sending = make_sending(markers, ending);
        if (sending != NULL) {
            try_sending(sending);
        } else {
            ending->next = markers->starved;
            markers->starved = ending;
            arm(markers);
        }
    }
}

static void on_turn_end(struct turn_end *turn_end)
{
    struct transaction_markers *markers = CONTAINER_OF(turn_end, struct transaction_markers, turn_end);
    start_fresh(markers);
    give_out_finished(markers);
}

static void on_timer(uv_timer_t *timer)
{
    struct transaction_markers *markers = timer->data;
    struct sending *failed = markers->failed;
    markers->failed = NULL;
    markers->pause = markers->pause < PAUSE_MAX_MS / 2 ? markers->pause * 2 : PAUSE_MAX_MS;
    for (struct sending *sending = failed, *next; sending != NULL; sending = next) {
        next = sending->next;
        try_sending(sending);
    }
    while (markers->starved != NULL) {
        struct transaction_ending *ending = markers->starved;
        markers->starved = ending->next;
        transaction_markers_send(markers, ending);
    }
}

static void arm(struct transaction_markers *markers)
{
    if (!markers->is_stopped && !uv_is_active((uv_handle_t *)&markers->timer))
        uv_timer_start(&markers->timer, on_timer, markers->pause, 0);
}

/* ---- life ---- */

int transaction_markers_open(struct server *server, transaction_markers_done *done, void *context,
                             struct transaction_markers **opened)
{
    struct transaction_markers *markers = memory_alloc_zeroed(server->memory, MEMORY_TRANSACTIONS, sizeof *markers);
    if (markers == NULL)
        return -ENOMEM;
    markers->server = server;
    markers->memory = server->memory;
    markers->done = done;
    markers->context = context;
    markers->fresh_tail = &markers->fresh;
    markers->pause = PAUSE_MS;
    turn_end_init(&markers->turn_end, server->loop, on_turn_end);
    uv_timer_init(server->loop, &markers->timer);
    markers->timer.data = markers;
    markers->open_handles = 2;
    *opened = markers;
    return 0;
}

static void closed_one(struct transaction_markers *markers)
{
    if (--markers->open_handles == 0)
        memory_free(markers->memory, MEMORY_TRANSACTIONS, markers, sizeof *markers);
}

static void on_timer_closed(uv_handle_t *handle)
{
    closed_one(handle->data);
}

static void on_turn_end_closed(struct turn_end *turn_end)
{
    closed_one(CONTAINER_OF(turn_end, struct transaction_markers, turn_end));
}

void transaction_markers_close(struct transaction_markers *markers)
{
    while (markers->failed != NULL) {
        struct sending *sending = markers->failed;
        markers->failed = sending->next;
        free_sending(sending);
    }
    uv_close((uv_handle_t *)&markers->timer, on_timer_closed);
    turn_end_close(&markers->turn_end, on_turn_end_closed);
}

void transaction_markers_stop(struct transaction_markers *markers)
{
    markers->is_stopped = true;
    uv_timer_stop(&markers->timer);
}

bool transaction_markers_idle(const struct transaction_markers *markers)
{
    return markers->under_way == 0 && markers->finished == NULL && markers->fresh == NULL;
}
