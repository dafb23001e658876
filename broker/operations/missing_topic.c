#include "operations/missing_topic.h"

#include "metadata_log.h"
#include "operations/groups.h"
#include "operations/new_topic.h"
#include "operations/transactions.h"

#include <errno.h>

/* What others do with a name (clients of Kafka that create it, a deletion whose files go) tells nobody when it ends:
 * it is looked at again, seldom and not for ever. */
#define LOOK_EVERY_MS 5
#define PATIENCE_MS   10000

struct missing_topics {
    struct server *server;
    struct memory *memory; /* the server's services go before the handle is closed */
    uv_timer_t timer;      /* runs while somebody waits for what others do */
    struct missing_topic_request *waiting;
};

static void wait(struct missing_topics *service, struct missing_topic_request *request)
{
    request->next = service->waiting;
    service->waiting = request;
}

static void stop_waiting(struct missing_topic_request *request)
{
    struct missing_topic_request **place = &request->service->waiting;
    while (*place != request)
        place = &(*place)->next;
    *place = request->next;
}

static void finish(struct missing_topic_request *request, enum kafka_error code, const struct error *error)
{
    const struct server *server = request->service->server;
    struct topic *topic = code == KAFKA_NONE ? topics_find(&server->topics, request->name) : NULL;
    if (code == KAFKA_NONE && topic == NULL) /* deleted at once */
        code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    request->done(request, topic, code, error);
}

static enum kafka_error code_of_creation(int status)
{
    switch (status) {
    case 0:
    case -EEXIST: /* by somebody else */
        return KAFKA_NONE;
    case -EINVAL:
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    default:
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
}

static void on_created(void *context, int status, const struct error *error)
{
    struct missing_topic_request *request = context;
    stop_waiting(request);
    finish(request, code_of_creation(status), error);
}

static void create(struct missing_topic_request *request)
{
    struct server *server = request->service->server;
    struct error error = {0};
    struct new_topic topic = {.name = request->name, .partitions = -1, .replication_factor = -1};
    enum kafka_error code = (enum kafka_error)new_topic_check(server, &topic, &error);
    if (code != KAFKA_NONE) {
        finish(request, code, &error);
        return;
    }
    struct topic_config config;
    topic_config_init(&config, server->config);
    request->is_creating = true;
    wait(request->service, request);
    metadata_log_create_topic(server->metadata, request->name, &config, topic.partitions, on_created, request);
    topic_config_close(&config, server->memory);
}

/* ---- what others do ---- */

static void look(uv_timer_t *timer);

static void await_others(struct missing_topic_request *request)
{
    struct missing_topics *service = request->service;
    wait(service, request);
    if (!uv_is_active((uv_handle_t *)&service->timer))
        (void)uv_timer_start(&service->timer, look, LOOK_EVERY_MS, LOOK_EVERY_MS);
}

static bool is_settled(const struct missing_topic_request *request)
{
    const struct server *server = request->service->server;
    return !request->is_creating &&
           (!metadata_log_is_busy(server->metadata, request->name) || (int64_t)uv_now(server->loop) >= request->until);
}

static void settle(struct missing_topic_request *request)
{
    const struct server *server = request->service->server;
    struct error error = {0};
    if (topics_find(&server->topics, request->name) != NULL)
        finish(request, KAFKA_NONE, &error);
    else if (!metadata_log_is_busy(server->metadata, request->name))
        create(request);
    else
        finish(request, KAFKA_LEADER_NOT_AVAILABLE, &error);
}

static bool somebody_looks(const struct missing_topics *service)
{
    for (const struct missing_topic_request *request = service->waiting; request != NULL; request = request->next)
        if (!request->is_creating)
            return true;
    return false;
}

/* Settling one may change who waits. */
static void look(uv_timer_t *timer)
{
    struct missing_topics *service = timer->data;
    struct missing_topic_request *request = service->waiting;
    while (request != NULL) {
        if (!is_settled(request)) {
            request = request->next;
            continue;
        }
        stop_waiting(request);
        settle(request);
        request = service->waiting;
    }
    if (!somebody_looks(service))
        (void)uv_timer_stop(timer);
}

/* ---- the service ---- */

/* Kafka's own are made by whom they serve. */
static bool is_reserved(slice name)
{
    return slice_equal(name, slice_of_text(GROUPS_TOPIC)) || slice_equal(name, slice_of_text(TRANSACTIONS_TOPIC));
}

void missing_topic_start(struct missing_topics *service, struct missing_topic_request *request)
{
    const struct server *server = service->server;
    struct error error = {0};
    request->service = service;
    request->until = (int64_t)uv_now(server->loop) + PATIENCE_MS;
    request->is_creating = false;
    if (topics_find(&server->topics, request->name) != NULL)
        finish(request, KAFKA_NONE, &error);
    else if (!topic_name_valid(request->name, &error) || is_reserved(request->name))
        finish(request, KAFKA_INVALID_TOPIC_EXCEPTION, &error);
    else if (!config_flag(server->config, CONFIG_AUTO_CREATE_TOPICS_ENABLE))
        finish(request, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, &error);
    else if (metadata_log_is_busy(server->metadata, request->name))
        await_others(request);
    else
        create(request);
}

int missing_topics_open(struct server *server, struct missing_topics **opened)
{
    struct missing_topics *service = memory_alloc_zeroed(server->memory, MEMORY_SERVER, sizeof *service);
    if (service == NULL)
        return -ENOMEM;
    service->server = server;
    service->memory = server->memory;
    (void)uv_timer_init(server->loop, &service->timer); /* never fails */
    service->timer.data = service;
    *opened = service;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct missing_topics *service = handle->data;
    memory_free(service->memory, MEMORY_SERVER, service, sizeof *service);
}

void missing_topics_close(struct missing_topics *service)
{
    uv_close((uv_handle_t *)&service->timer, on_closed);
}

void missing_topics_end_waits(struct missing_topics *service)
{
    for (struct missing_topic_request *request = service->waiting; request != NULL; request = request->next)
        request->until = 0;
}

bool missing_topics_idle(const struct missing_topics *service)
{
    return service->waiting == NULL;
}
