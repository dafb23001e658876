/* Any sequence of calls to the coordinator of transactions, of times, of writes that succeed or fail, of markers that
 * are written or not, of failing allocations and restarts. Whoever asks is answered, once. A decision that was sent out
 * never changes: a start sends the same one again until its markers are there. */
#include "transaction/transaction_coordinator.h"

#include "batch_iterator.h"
#include "container.h"

#include <stdlib.h>

#define CLIENTS     5
#define IDS         3
#define PARTITIONS  3
#define WAITING_MAX 64
#define BATCHES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct client {
    union {
        struct transaction_init init;
        struct transaction_add add;
        struct transaction_end end;
    };
    struct transaction_partition partitions[PARTITIONS];
    bool is_waiting;
    int id;
};

/* What a producer was told last. */
struct holder {
    int64_t producer_id;
    int16_t epoch;
};

struct decision {
    int64_t producer_id;
    int16_t epoch;
    bool commits;
    bool was_sent;  /* there has been one */
    bool is_open;   /* its markers are not there yet */
    bool came_back; /* after a start */
};

struct world {
    const uint8_t *data;
    size_t size;
    struct memory memory;
    struct memory log_memory; /* never fails */
    struct transaction_limits limits;
    struct transaction_coordinator *coordinator;
    struct transaction_time now;
    struct client clients[CLIENTS];
    struct holder holders[IDS];
    struct decision decisions[IDS];
    bool was_told_commit[IDS]; /* since the last look */
    struct coordinator_batch *appends[WAITING_MAX];
    int append_count;
    struct transaction_ending *endings[WAITING_MAX];
    int ending_count;
    uint8_t *batches[BATCHES_MAX];
    size_t sizes[BATCHES_MAX];
    int batch_count;
    int64_t next_id;
    bool has_ids;
};

static const char *const id_texts[IDS] = {"a", "transactional", ""};
static const char *const topic_names[] = {"t", "topic"};

static uint8_t next(struct world *w)
{
    if (w->size == 0)
        return 0;
    w->size--;
    return *w->data++;
}

static int id_at(slice transactional_id)
{
    int at = 0;
    while (at < IDS - 1 && !slice_equal(transactional_id, slice_of_text(id_texts[at])))
        at++;
    return at;
}

/* ---- the store ---- */

static void take_append(void *context, struct coordinator_batch *append)
{
    struct world *w = context;
    require(w->append_count < WAITING_MAX);
    w->appends[w->append_count++] = append;
}

static void take_ending(void *context, struct transaction_ending *ending)
{
    struct world *w = context;
    struct decision *decision = &w->decisions[id_at(ending->transactional_id)];
    require(w->ending_count < WAITING_MAX);
    w->endings[w->ending_count++] = ending;
    bool is_again = decision->is_open;
    require(!is_again || (decision->producer_id == ending->producer_id && decision->epoch == ending->producer_epoch &&
                          decision->commits == ending->commits));
    *decision = (struct decision){.producer_id = ending->producer_id,
                                  .epoch = ending->producer_epoch,
                                  .commits = ending->commits,
                                  .was_sent = true,
                                  .is_open = true,
                                  .came_back = true};
}

static void take_producer_id(void *context, struct transaction_call *call)
{
    struct world *w = context;
    int64_t id = w->has_ids ? w->next_id++ : -1;
    transaction_coordinator_took(w->coordinator, call, w->has_ids ? KAFKA_NONE : KAFKA_COORDINATOR_NOT_AVAILABLE, id,
                                 w->now);
}

static int64_t age(void *context, int64_t since)
{
    return ((const struct world *)context)->now.wall - since;
}

static void answer_appends(struct world *w, bool succeeds)
{
    struct coordinator_batch *appends[WAITING_MAX];
    int count = w->append_count;
    memcpy(appends, w->appends, sizeof appends);
    w->append_count = 0; /* the answers lead to others */
    for (int i = 0; i < count; i++) {
        if (succeeds && w->batch_count < BATCHES_MAX) {
            uint8_t *copy = malloc(appends[i]->size);
            if (copy == NULL || appends[i]->bytes == NULL)
                abort();
            w->sizes[w->batch_count] = appends[i]->size;
            w->batches[w->batch_count++] = memcpy(copy, appends[i]->bytes, appends[i]->size);
        } else {
            succeeds = false; /* those behind it too: writes are in order */
        }
        transaction_coordinator_appended(w->coordinator, appends[i], succeeds ? KAFKA_NONE : KAFKA_KAFKA_STORAGE_ERROR,
                                         w->now);
    }
}

static void write_markers(struct world *w)
{
    if (w->ending_count == 0)
        return;
    struct transaction_ending *ending = w->endings[0];
    memmove(w->endings, w->endings + 1, (size_t)--w->ending_count * sizeof w->endings[0]);
    w->decisions[id_at(ending->transactional_id)].is_open = false;
    transaction_coordinator_ended(w->coordinator, ending, w->now);
}

/* ---- calls ---- */

static struct client *answered(struct transaction_call *call, struct world **w)
{
    *w = call->context;
    struct client *client = CONTAINER_OF(call, struct client, init.call);
    require(client->is_waiting);
    client->is_waiting = false;
    return client;
}

static void on_init(struct transaction_call *call)
{
    struct world *w;
    struct client *client = answered(call, &w);
    if (call->error == KAFKA_NONE)
        w->holders[client->id] = (struct holder){client->init.producer_id, client->init.producer_epoch};
}

static void on_added(struct transaction_call *call)
{
    struct world *w;
    (void)answered(call, &w);
}

static void on_ended(struct transaction_call *call)
{
    struct world *w;
    struct client *client = answered(call, &w);
    if (call->error != KAFKA_NONE)
        return;
    w->holders[client->id] = (struct holder){client->end.producer_id, client->end.producer_epoch};
    w->was_told_commit[client->id] |= client->end.commits;
}

static struct transaction_call call_of(struct world *w, struct client *client, int id,
                                       void (*done)(struct transaction_call *call))
{
    client->is_waiting = true;
    client->id = id;
    return (struct transaction_call){.done = done, .context = w};
}

static void init(struct world *w, struct client *client, int id, uint8_t flags)
{
    client->init = (struct transaction_init){.call = call_of(w, client, id, on_init),
                                             .transactional_id = slice_of_text(id_texts[id]),
                                             .timeout_ms = flags & 1 ? 10000 : 1000,
                                             .producer_id = -1,
                                             .producer_epoch = -1};
    if (flags & 2) {
        client->init.producer_id = w->holders[id].producer_id;
        client->init.producer_epoch = (int16_t)(w->holders[id].epoch - (flags >> 2 & 1));
    }
    transaction_coordinator_init(w->coordinator, &client->init, w->now);
}

static void add(struct world *w, struct client *client, int id, uint8_t flags)
{
    for (int i = 0; i < PARTITIONS; i++)
        client->partitions[i] = (struct transaction_partition){slice_of_text(topic_names[flags >> 3 & 1]), i};
    client->add = (struct transaction_add){.call = call_of(w, client, id, on_added),
                                           .transactional_id = slice_of_text(id_texts[id]),
                                           .producer_id = w->holders[id].producer_id,
                                           .producer_epoch = (int16_t)(w->holders[id].epoch - (flags & 1)),
                                           .protocol = flags & 2 ? TRANSACTION_EPOCHS : TRANSACTION_CLASSIC,
                                           .waits = flags & 4,
                                           .partitions = client->partitions,
                                           .count = 1 + (flags >> 4) % PARTITIONS};
    transaction_coordinator_add(w->coordinator, &client->add, w->now);
}

static void end(struct world *w, struct client *client, int id, uint8_t flags)
{
    client->end = (struct transaction_end){.call = call_of(w, client, id, on_ended),
                                           .transactional_id = slice_of_text(id_texts[id]),
                                           .producer_id = w->holders[id].producer_id,
                                           .producer_epoch = (int16_t)(w->holders[id].epoch - (flags & 1)),
                                           .commits = flags & 4,
                                           .protocol = flags & 2 ? TRANSACTION_EPOCHS : TRANSACTION_CLASSIC};
    transaction_coordinator_end(w->coordinator, &client->end, w->now);
}

/* ---- restarts ---- */

static void open_coordinator(struct world *w)
{
    struct transaction_store store = {
        .append = take_append, .end = take_ending, .take_producer_id = take_producer_id, .age = age, .context = w};
    require(transaction_coordinator_open(&w->memory, &w->limits, &store, &w->coordinator) == 0);
}

static void load(struct world *w)
{
    struct arena arena;
    arena_init(&arena, &w->log_memory, MEMORY_REQUESTS, 1 << 20);
    for (int i = 0; i < w->batch_count; i++) {
        struct batch_iterator it;
        struct record record;
        require(batch_iterator_open(&it, slice_of(w->batches[i], w->sizes[i]), &w->log_memory, 1 << 20, NULL) == 0);
        while (batch_iterator_next(&it, &record, NULL) == 1)
            require(transaction_coordinator_load(w->coordinator, record.key, record.value, &arena) == 0);
        batch_iterator_close(&it);
    }
    arena_close(&arena);
    transaction_coordinator_loaded(w->coordinator, w->now);
}

static void stop(struct world *w)
{
    memory_fail_at(&w->memory, -1);
    transaction_coordinator_end_waits(w->coordinator);
    for (int i = 0; w->append_count > 0; i++) {
        require(i < 1000);
        answer_appends(w, next(w) & 1);
    }
    transaction_coordinator_close(w->coordinator);
    w->ending_count = 0;
    for (int i = 0; i < CLIENTS; i++)
        require(!w->clients[i].is_waiting);
}

static void restart(struct world *w)
{
    stop(w);
    bool was_open[IDS];
    for (int i = 0; i < IDS; i++) {
        was_open[i] = w->decisions[i].is_open;
        w->decisions[i].came_back = false;
    }
    open_coordinator(w);
    load(w);
    for (int i = 0; i < IDS; i++)
        require(!was_open[i] || w->decisions[i].came_back);
}

/* ---- events ---- */

static void act(struct world *w)
{
    uint8_t what = next(w);
    struct client *client = &w->clients[what >> 4 & 3];
    int id = (what >> 6) % IDS;
    switch (what % 12) {
    case 0:
        if (!client->is_waiting)
            init(w, client, id, next(w));
        break;
    case 1:
    case 2:
        if (!client->is_waiting)
            add(w, client, id, next(w));
        break;
    case 3:
    case 4:
        if (!client->is_waiting)
            end(w, client, id, next(w));
        break;
    case 5:
    case 6:
        answer_appends(w, true);
        break;
    case 7:
        answer_appends(w, false);
        break;
    case 8:
        write_markers(w);
        break;
    case 9:
        w->now.steady += next(w) * 100;
        w->now.wall += 1000;
        transaction_coordinator_expire(w->coordinator, w->now);
        break;
    case 10:
        w->has_ids = what & 16;
        w->now.wall += next(w) * 1000;
        transaction_coordinator_clean(w->coordinator, w->now);
        break;
    default:
        if (what & 16)
            memory_fail_at(&w->memory, next(w) % 32);
        else
            restart(w);
    }
    if (w->append_count > WAITING_MAX / 2)
        answer_appends(w, true);
    for (int i = 0; i < IDS; i++) {
        require(!w->was_told_commit[i] || (w->decisions[i].was_sent && w->decisions[i].commits));
        w->was_told_commit[i] = false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof *w);
    require(w != NULL);
    w->data = data;
    w->size = size;
    w->has_ids = true;
    w->limits = (struct transaction_limits){.max_transactions = 2,
                                            .memory_bytes = 1 << 20,
                                            .max_timeout_ms = 5000 + 100 * next(w),
                                            .abort_interval_ms = 500,
                                            .expiration_ms = 100000};
    w->now = (struct transaction_time){.steady = 1000, .wall = 1700000000000};
    memory_init(&w->memory);
    memory_init(&w->log_memory);
    open_coordinator(w);
    while (w->size > 0)
        act(w);
    restart(w);
    stop(w);
    for (int i = 0; i < w->batch_count; i++)
        free(w->batches[i]);
    require(memory_total_bytes(&w->memory) == 0 && memory_total_bytes(&w->log_memory) == 0);
    free(w);
    return 0;
}
