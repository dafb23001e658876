/* uthash's table comes from the ledger: every function that changes it has `instances` in scope. */
#define HASH_NONFATAL_OOM        1
#define uthash_malloc(size)      memory_alloc(instances->server->memory, MEMORY_GROUPS, size)
#define uthash_free(block, size) memory_free(instances->server->memory, MEMORY_GROUPS, block, size)

#include "container.h"
#include "rest/consumer_private.h"
#include "server.h"
#include "uuid.h"

#include <errno.h>
#include <stdio.h>

#define TICK_MS 1000

struct consumer_instances {
    struct server *server;
    struct memory *memory; /* the server goes before the timers are closed */
    struct consumer_instance *by_key;
    size_t count;                      /* in the table */
    struct consumer_instance *closing; /* out of it, with something under way */
    uv_timer_t tick;
    uv_timer_t deadline; /* of the first waiter */
    int open_handles;
    bool is_stopping;
    bool is_visiting; /* all of them: none is freed meanwhile */
};

static int64_t now_of(const struct consumer_instances *instances)
{
    return (int64_t)uv_now(instances->server->loop);
}

/* ---- one instance ---- */

static void free_instance(struct consumer_instance *instance)
{
    struct memory *memory = instance->server->memory;
    consumer_member_close(&instance->member);
    consumer_partitions_close(&instance->partitions);
    arena_close(&instance->subscription);
    memory_free(memory, MEMORY_GROUPS, (void *)(uintptr_t)instance->key.data, instance->key.size);
    memory_free(memory, MEMORY_GROUPS, instance, sizeof *instance);
}

/* Two bytes that say where the group ends, the group, the name. */
static size_t write_key(uint8_t *key, slice group, slice name)
{
    key[0] = (uint8_t)(group.size >> 8);
    key[1] = (uint8_t)group.size;
    memcpy(key + 2, group.data, group.size);
    memcpy(key + 2 + group.size, name.data, name.size);
    return 2 + group.size + name.size;
}

static struct consumer_instance *make_instance(struct consumer_instances *instances, slice group, slice name,
                                               slice host, const struct consumer_settings *settings)
{
    struct server *server = instances->server;
    size_t key_size = 2 + group.size + name.size;
    struct consumer_instance *instance = memory_alloc_zeroed(server->memory, MEMORY_GROUPS, sizeof *instance);
    uint8_t *key = memory_alloc(server->memory, MEMORY_GROUPS, key_size);
    if (instance == NULL || key == NULL) {
        memory_free(server->memory, MEMORY_GROUPS, instance, sizeof *instance);
        memory_free(server->memory, MEMORY_GROUPS, key, key_size);
        return NULL;
    }
    instance->instances = instances;
    instance->server = server;
    instance->key = slice_of(key, write_key(key, group, name));
    instance->group = slice_of(key + 2, group.size);
    instance->name = slice_of(key + 2 + group.size, name.size);
    instance->settings = *settings;
    instance->generation = -1;
    snprintf(instance->client_host, sizeof instance->client_host, "%.*s", SLICE_PRINT(host));
    arena_init(&instance->subscription, server->memory, MEMORY_GROUPS, 0);
    consumer_partitions_init(&instance->partitions, server->memory);
    consumer_member_init(&instance->member, server, &consumer_instance_owner, instance);
    instance->member.group_id = instance->group;
    instance->member.client_id = instance->name;
    instance->member.client_host = slice_of_text(instance->client_host);
    return instance;
}

static bool is_done(const struct consumer_instance *instance)
{
    return instance->is_closed && !instance->is_handing_over && !instance->member.is_leaving &&
           instance->commits == 0 && instance->fetches == NULL && !consumer_member_is_busy(&instance->member);
}

void consumer_instance_settle(struct consumer_instance *instance)
{
    if (!is_done(instance) || instance->instances->is_visiting)
        return;
    void (*closed)(void *context) = instance->closed;
    void *context = instance->closed_context;
    *instance->closing_link = instance->next_closing;
    if (instance->next_closing != NULL)
        instance->next_closing->closing_link = instance->closing_link;
    free_instance(instance);
    if (closed != NULL)
        closed(context);
}

/* An answer may bring the connection's next request with it, which may delete any of them. */
static void visit_all(struct consumer_instances *instances, void (*visit)(struct consumer_instance *instance))
{
    struct consumer_instance *instance, *next;
    instances->is_visiting = true;
    HASH_ITER (by_key, instances->by_key, instance, next) {
        if (!instance->is_closed)
            visit(instance);
    }
    instances->is_visiting = false;
    for (instance = instances->closing; instance != NULL;) {
        bool is_going = is_done(instance);
        next = instance->next_closing;
        if (is_going)
            consumer_instance_settle(instance);
        instance = is_going ? instances->closing : next;
    }
}

static void link_closing(struct consumer_instances *instances, struct consumer_instance *instance)
{
    instance->next_closing = instances->closing;
    instance->closing_link = &instances->closing;
    if (instances->closing != NULL)
        instances->closing->closing_link = &instance->next_closing;
    instances->closing = instance;
}

static void close_instance(struct consumer_instance *instance, enum consumer_extent extent, enum consumer_change change)
{
    struct consumer_instances *instances = instance->instances;
    HASH_DELETE(by_key, instances->by_key, instance);
    instances->count--;
    link_closing(instances, instance);
    instance->is_closed = true;
    consumer_tell_waiters(instance, change);
    consumer_fetch_end_all(instance, change);
    consumer_hand_over(instance, extent);
}

void consumer_instance_delete(struct consumer_instance *instance, void (*closed)(void *context), void *context)
{
    instance->closed = closed;
    instance->closed_context = context;
    close_instance(instance, CONSUMER_HANDED_OUT, CONSUMER_GONE);
}

/* ---- waiting ---- */

static void on_deadline(uv_timer_t *timer);

static void arm_deadline(struct consumer_instances *instances, int64_t at)
{
    int64_t now = now_of(instances);
    bool is_armed = uv_is_active((uv_handle_t *)&instances->deadline) != 0;
    int64_t wait = at > now ? at - now : 0;
    if (!is_armed || (uint64_t)wait < uv_timer_get_due_in(&instances->deadline))
        uv_timer_start(&instances->deadline, on_deadline, (uint64_t)wait, 0);
}

void consumer_waiter_cancel(struct consumer_waiter *waiter)
{
    if (waiter->link == NULL)
        return;
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    waiter->link = NULL;
}

void consumer_instance_wait(struct consumer_instance *instance, struct consumer_waiter *waiter)
{
    waiter->next = instance->waiters;
    waiter->link = &instance->waiters;
    if (instance->waiters != NULL)
        instance->waiters->link = &waiter->next;
    instance->waiters = waiter;
    arm_deadline(instance->instances, waiter->deadline);
}

/* Those who wait again from within are not told twice. */
void consumer_tell_waiters(struct consumer_instance *instance, enum consumer_change change)
{
    struct consumer_waiter *told = instance->waiters;
    instance->waiters = NULL;
    if (told != NULL)
        told->link = &told;
    while (told != NULL) {
        struct consumer_waiter *waiter = told;
        consumer_waiter_cancel(waiter);
        waiter->changed(waiter, change);
    }
}

static struct consumer_waiter *find_expired(const struct consumer_instance *instance, int64_t now)
{
    struct consumer_waiter *waiter = instance->waiters;
    while (waiter != NULL && waiter->deadline > now)
        waiter = waiter->next;
    return waiter;
}

static void expire_waiters(struct consumer_instance *instance)
{
    int64_t now = now_of(instance->instances);
    for (struct consumer_waiter *waiter; (waiter = find_expired(instance, now)) != NULL;) {
        consumer_waiter_cancel(waiter);
        waiter->changed(waiter, CONSUMER_TIME_OUT);
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct consumer_instances *instances = CONTAINER_OF(timer, struct consumer_instances, deadline);
    const struct consumer_instance *instance, *next;
    visit_all(instances, expire_waiters);
    HASH_ITER (by_key, instances->by_key, instance, next) {
        for (const struct consumer_waiter *waiter = instance->waiters; waiter != NULL; waiter = waiter->next)
            arm_deadline(instances, waiter->deadline);
    }
}

/* ---- time ---- */

static void commit_when_due(struct consumer_instance *instance, int64_t now)
{
    bool may = instance->settings.auto_commits && instance->commits == 0 && !instance->is_handing_over &&
               (instance->is_assigned || instance->mode == CONSUMER_ASSIGNED);
    if (may && now - instance->committed_at >= CONSUMER_COMMIT_MS)
        consumer_commit_positions(instance, CONSUMER_ACKNOWLEDGED, NULL, NULL);
}

static void visit(struct consumer_instance *instance)
{
    int64_t now = now_of(instance->instances);
    int64_t idle_most = config_number(instance->server->config, CONFIG_CONSUMER_INSTANCE_TIMEOUT_MS);
    bool is_idle = instance->fetches == NULL && instance->waiters == NULL && instance->commits == 0;
    if (is_idle && now - instance->touched >= idle_most) {
        close_instance(instance, CONSUMER_ACKNOWLEDGED, CONSUMER_GONE);
        return;
    }
    commit_when_due(instance, now);
    consumer_subscription_tick(instance);
}

static void on_tick(uv_timer_t *timer)
{
    struct consumer_instances *instances = CONTAINER_OF(timer, struct consumer_instances, tick);
    visit_all(instances, visit);
    if (instances->count == 0)
        uv_timer_stop(&instances->tick);
}

/* ---- the table ---- */

static struct consumer_instance *find(const struct consumer_instances *instances, slice group, slice name)
{
    uint8_t key[2 + CONSUMER_GROUP_MAX + CONSUMER_NAME_MAX];
    struct consumer_instance *instance = NULL;
    if (group.size > CONSUMER_GROUP_MAX || name.size > CONSUMER_NAME_MAX)
        return NULL;
    size_t size = write_key(key, group, name);
    HASH_FIND(by_key, instances->by_key, key, size, instance);
    return instance;
}

struct consumer_instance *consumer_instances_find(struct consumer_instances *instances, slice group, slice name)
{
    struct consumer_instance *instance = find(instances, group, name);
    if (instance != NULL)
        instance->touched = now_of(instances);
    return instance;
}

static slice make_name(struct consumer_instances *instances, char text[64])
{
    uint8_t r[16];
    server_random(instances->server, r, sizeof r);
    struct uuid id = uuid_from_random(r);
    const uint8_t *b = id.bytes;
    int size =
        snprintf(text, 64, CONSUMER_RANDOM_NAME "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return slice_of(text, (size_t)size);
}

int consumer_instances_create(struct consumer_instances *instances, slice group, slice name, slice host,
                              const struct consumer_settings *settings, struct consumer_instance **created)
{
    char made[64];
    size_t most = (size_t)config_number(instances->server->config, CONFIG_FURROW_REST_CONSUMERS_MAX);
    if (slice_is_null(name))
        name = make_name(instances, made);
    if (find(instances, group, name) != NULL)
        return -EEXIST;
    if (instances->count >= most || instances->is_stopping)
        return -ENOSPC;
    struct consumer_instance *instance = make_instance(instances, group, name, host, settings);
    if (instance == NULL)
        return -ENOMEM;
    HASH_ADD_KEYPTR(by_key, instances->by_key, instance->key.data, instance->key.size, instance);
    if (instance->by_key.tbl == NULL) {
        free_instance(instance);
        return -ENOMEM;
    }
    instances->count++;
    instance->touched = instance->committed_at = now_of(instances);
    if (!uv_is_active((uv_handle_t *)&instances->tick))
        uv_timer_start(&instances->tick, on_tick, TICK_MS, TICK_MS);
    *created = instance;
    return 0;
}

size_t consumer_instances_count(const struct consumer_instances *instances)
{
    return instances->count;
}

/* ---- life ---- */

int consumer_instances_open(struct server *server, struct consumer_instances **opened)
{
    struct consumer_instances *instances = memory_alloc_zeroed(server->memory, MEMORY_GROUPS, sizeof *instances);
    if (instances == NULL)
        return -ENOMEM;
    instances->server = server;
    instances->memory = server->memory;
    uv_timer_init(server->loop, &instances->tick);
    uv_timer_init(server->loop, &instances->deadline);
    instances->open_handles = 2;
    *opened = instances;
    return 0;
}

static void stop(struct consumer_instance *instance)
{
    close_instance(instance, CONSUMER_ACKNOWLEDGED, CONSUMER_STOPPING);
}

void consumer_instances_end_waits(struct consumer_instances *instances)
{
    instances->is_stopping = true;
    visit_all(instances, stop);
    uv_timer_stop(&instances->tick);
    uv_timer_stop(&instances->deadline);
}

bool consumer_instances_idle(const struct consumer_instances *instances)
{
    return instances->count == 0 && instances->closing == NULL;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct consumer_instances *instances = handle->data;
    if (--instances->open_handles == 0)
        memory_free(instances->memory, MEMORY_GROUPS, instances, sizeof *instances);
}

void consumer_instances_close(struct consumer_instances *instances)
{
    instances->tick.data = instances->deadline.data = instances;
    uv_close((uv_handle_t *)&instances->tick, on_timer_closed);
    uv_close((uv_handle_t *)&instances->deadline, on_timer_closed);
}
