#include "connections_private.h"

#include "address.h"
#include "container.h"
#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#define FAST_TICK_MS 1000
/* Sockets that listen, the lock, the loop's own, and those on their way to be refused. */
#define OTHER_DESCRIPTORS 24

/* ms; negative: never. 0 is the shortest there is: what is active now is not idle. */
static int64_t idle_limit(const struct connections *set)
{
    int64_t limit = config_number(set->server->config, CONFIG_CONNECTIONS_MAX_IDLE_MS);
    return limit != 0 ? limit : 1;
}

static int64_t loop_now(const struct connections *set)
{
    return (int64_t)uv_now(set->server->loop);
}

/* ---- the list by last activity ---- */

static void link_newest(struct connection *connection)
{
    struct connections *set = connection->set;
    connection->newer = NULL;
    connection->older = set->newest;
    *(set->newest != NULL ? &set->newest->newer : &set->oldest) = connection;
    set->newest = connection;
    connection->last_active = loop_now(set);
}

static void unlink_one(struct connection *connection)
{
    struct connections *set = connection->set;
    *(connection->newer != NULL ? &connection->newer->older : &set->newest) = connection->older;
    *(connection->older != NULL ? &connection->older->newer : &set->oldest) = connection->newer;
}

void connections_touch(struct connection *connection)
{
    unlink_one(connection);
    link_newest(connection);
}

/* ---- time ---- */

static void close_slow_ones(struct connections *set, int64_t now)
{
    for (struct connection *connection = set->oldest, *newer; connection != NULL; connection = newer) {
        newer = connection->newer;
        int64_t deadline = connection->dialect->deadline(connection);
        if (deadline == 0 || deadline > now)
            continue;
        if (connection->dialect->expired != NULL)
            connection->dialect->expired(connection);
        else
            connection_close(connection, "the request arrives too slowly");
        if (!connection->is_closing)
            connections_note_receiving(connection);
    }
}

/* What waits to be sent costs memory: when that is short, nobody may stall. */
static bool may_stall(const struct connection *connection)
{
    const struct budget *budget = connection->server->budget;
    return connection->may_stall && budget_used(budget) <= budget_limit(budget) / 2;
}

static void close_idle_ones(struct connections *set, int64_t now)
{
    int64_t limit = idle_limit(set);
    while (limit >= 0 && set->oldest != NULL && now - set->oldest->last_active >= limit) {
        struct connection *connection = set->oldest;
        bool waits_for_us = connection->output.first == NULL && connection->dialect->busy(connection);
        if (waits_for_us || may_stall(connection))
            connections_touch(connection);
        else
            connection_close(connection, connection->output.first != NULL ? "the peer does not read" : NULL);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct connections *set = timer->data;
    set->timer_is_fast = false;
    int64_t now = loop_now(set);
    if (set->receiving != 0)
        close_slow_ones(set, now);
    close_idle_ones(set, now);
    connections_arm_timer(set);
}

void connections_arm_timer(struct connections *set)
{
    int64_t limit = idle_limit(set);
    if (set->receiving != 0) {
        if (!set->timer_is_fast)
            uv_timer_start(&set->timer, on_timer, FAST_TICK_MS, 0);
        set->timer_is_fast = true;
    } else if (set->oldest == NULL || limit < 0) {
        uv_timer_stop(&set->timer);
    } else if (!uv_is_active((uv_handle_t *)&set->timer)) {
        int64_t left = limit - (loop_now(set) - set->oldest->last_active);
        uv_timer_start(&set->timer, on_timer, (uint64_t)(left > FAST_TICK_MS ? left : FAST_TICK_MS), 0);
    }
}

void connections_note_receiving(struct connection *connection)
{
    bool receiving = !connection->is_closing && connection->dialect->deadline(connection) != 0;
    if (receiving == connection->is_receiving)
        return;
    connection->is_receiving = receiving;
    connection->set->receiving += receiving ? 1 : (size_t)-1;
    if (receiving)
        connections_arm_timer(connection->set);
}

/* ---- before the loop sleeps ---- */

static void on_prepare(uv_prepare_t *prepare)
{
    struct connections *set = prepare->data;
    while (set->pending != NULL) {
        struct connection *list = set->pending;
        set->pending = NULL;
        while (list != NULL) {
            struct connection *connection = list;
            list = connection->next_pending;
            connection->is_pending = false;
            if (!connection->is_closing)
                connection_work(connection);
        }
    }
}

/* ---- the set ---- */

/* max.connections, or what open files leave of the descriptors: when connections had taken them all, no log could be
 * read or written. */
static int64_t connection_limit(const struct server *server)
{
    int64_t limit = config_number(server->config, CONFIG_MAX_CONNECTIONS);
    struct rlimit descriptors;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0 || descriptors.rlim_cur == RLIM_INFINITY)
        return limit;
    int64_t left = (int64_t)descriptors.rlim_cur - config_number(server->config, CONFIG_MAX_OPEN_FILES);
    left = left > 2 * OTHER_DESCRIPTORS ? left - OTHER_DESCRIPTORS : OTHER_DESCRIPTORS;
    if (left >= limit)
        return limit;
    log_warn(server->logger, "connection",
             "descriptors=%lld connections=%lld max.connections is more than open files permit",
             (long long)descriptors.rlim_cur, (long long)left);
    return left;
}

void connections_follow_config(struct connections *set)
{
    set->limit = connection_limit(set->server);
}

int connections_create(struct server *server, struct connections **created)
{
    struct connections *set = memory_alloc_zeroed(server->memory, MEMORY_CONNECTIONS, sizeof *set);
    if (set == NULL)
        return -ENOMEM;
    if (budget_account_open(server->budget, &set->orphans, NULL_SLICE, NULL) != 0) {
        memory_free(server->memory, MEMORY_CONNECTIONS, set, sizeof *set);
        return -ENOMEM;
    }
    set->server = server;
    set->memory = server->memory;
    set->limit = connection_limit(server);
    set->framing.memory = server->memory;
    set->framing.request_max = (size_t)config_number(server->config, CONFIG_SOCKET_REQUEST_MAX_BYTES);
    set->framing.leftover_max = budget_limit(server->budget) / 8;
    uv_prepare_init(server->loop, &set->prepare);
    uv_timer_init(server->loop, &set->timer);
    set->prepare.data = set;
    set->timer.data = set;
    set->handles = 2;
    uv_prepare_start(&set->prepare, on_prepare);
    *created = set;
    return 0;
}

static void free_when_closed(uv_handle_t *handle)
{
    struct connections *set = handle->data;
    if (--set->handles == 0)
        memory_free(set->memory, MEMORY_CONNECTIONS, set, sizeof *set);
}

void connections_destroy(struct connections *set)
{
    budget_account_close(&set->orphans);
    uv_close((uv_handle_t *)&set->prepare, free_when_closed);
    uv_close((uv_handle_t *)&set->timer, free_when_closed);
}

size_t connections_count(const struct connections *set)
{
    return set->count + set->closing;
}

size_t connections_count_of(const struct connections *set, const struct connection_dialect *dialect)
{
    size_t count = 0;
    for (const struct connection *connection = set->oldest; connection != NULL; connection = connection->newer)
        count += connection->dialect == dialect;
    return count;
}

struct framing_shared *connections_framing(struct connections *set)
{
    return &set->framing;
}

struct budget_account *connections_orphans(struct connections *set)
{
    return &set->orphans;
}

void connections_end_all(struct connections *set)
{
    for (struct connection *connection = set->oldest, *newer; connection != NULL; connection = newer) {
        newer = connection->newer;
        connection_end(connection);
    }
}

void connections_close_all(struct connections *set)
{
    while (set->oldest != NULL)
        connection_close(set->oldest, NULL);
}

/* ---- new ones ---- */

static void refuse(struct connections *set, struct connection *connection, const char *reason)
{
    log_line_limited(set->server->logger, &set->refusals, LOG_WARN, "connection", "peer=%s refused: %s",
                     connection->peer, reason);
}

static size_t connection_size(const struct connection_dialect *dialect)
{
    return sizeof(struct connection) + dialect->state_size;
}

static void on_granted(struct budget_account *account)
{
    struct connection *connection = CONTAINER_OF(account, struct connection, account);
    connection->is_granted = true;
    connection_update(connection);
}

/* What may stop a new connection. */
static const char *find_objection(struct connections *set, struct connection *connection)
{
    const struct config *config = set->server->config;
    if ((int64_t)set->count >= set->limit)
        return "there are too many connections";
    if ((int64_t)budget_account_siblings(&connection->account) > config_number(config, CONFIG_MAX_CONNECTIONS_PER_IP))
        return "max.connections.per.ip is reached";
    return NULL;
}

void connections_accept(struct connections *set, int descriptor, const struct sockaddr *peer,
                        const struct connection_dialect *dialect)
{
    struct connection *connection = memory_alloc_zeroed(set->memory, MEMORY_CONNECTIONS, connection_size(dialect));
    if (connection == NULL)
        goto err_close;
    connection->set = set;
    connection->server = set->server;
    connection->dialect = dialect;
    address_print(peer, connection->peer);
    slice key = address_key(peer);
    if (budget_account_open(set->server->budget, &connection->account, key, on_granted) != 0)
        goto err_free;
    const char *objection = find_objection(set, connection);
    if (objection == NULL && uv_poll_init(set->server->loop, &connection->poll, descriptor) != 0)
        objection = "the event loop cannot take it";
    if (objection != NULL) {
        refuse(set, connection, objection);
        goto err_close_account;
    }
    if (peer->sa_family != AF_UNIX)
        (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    transport_init_plain(&connection->transport, descriptor);
    response_queue_init(&connection->output);
    set->count++;
    link_newest(connection);
    dialect->open(connection);
    connections_arm_timer(set);
    connection_update(connection);
    return;

err_close_account:
    budget_account_close(&connection->account);
err_free:
    memory_free(set->memory, MEMORY_CONNECTIONS, connection, connection_size(dialect));
err_close:
    close(descriptor);
}

static void free_connection(uv_handle_t *handle)
{
    struct connection *connection = CONTAINER_OF(handle, struct connection, poll);
    connection->set->closing--;
    memory_free(connection->set->memory, MEMORY_CONNECTIONS, connection, connection_size(connection->dialect));
}

void connections_take_out(struct connection *connection)
{
    struct connections *set = connection->set;
    unlink_one(connection);
    set->count--;
    set->closing++;
    if (connection->is_pending) {
        struct connection **link = &set->pending;
        while (*link != NULL && *link != connection)
            link = &(*link)->next_pending;
        if (*link != NULL)
            *link = connection->next_pending;
    }
    uv_close((uv_handle_t *)&connection->poll, free_connection);
}
