#include "rest/produce_call.h"

#include "container.h"
#include "http/body.h"
#include "rest/rest_failure.h"
#include "server.h"

#include <errno.h>

#define DEPTH_MAX JSON_DEPTH_MAX
#define VALUES_MAX                                                                                                     \
    100000 /* some 30000 records: the loop waits for them, and they take ten times the memory of "{}"                  \
            */
#define ARENA_MAX ((size_t)64 << 20)
#define KEY_MAX   255 /* bytes of an Idempotency-Key */

enum append_acks produce_acks(const struct http_exchange *exchange)
{
    enum { ACKS_ALL, ACKS_ALL_BY_NUMBER, ACKS_LEADER };
    return http_parameter_choice(exchange, "acks", ACKS_ALL) == ACKS_LEADER ? APPEND_ACKS_LEADER : APPEND_ACKS_ALL;
}

bool produce_idempotency_key(struct http_exchange *exchange, slice *key)
{
    *key = http_request_field(&exchange->request, "idempotency-key");
    if (slice_is_null(*key) || (key->size >= 1 && key->size <= KEY_MAX))
        return true;
    http_reply_error(exchange, 400, "Idempotency-Key must have 1 to 255 characters");
    return false;
}

/* ---- its life ---- */

static void drop_producer(struct produce_call *call)
{
    struct memory *memory = call->exchange->server->memory;
    if (call->producer != NULL)
        record_producer_free(call->producer);
    call->producer = NULL;
    memory_free(memory, MEMORY_REQUESTS, call->identity.sequences,
                (size_t)call->partitions * sizeof *call->identity.sequences);
    call->identity.sequences = NULL;
}

static void close_call(struct produce_call *call, struct memory *memory)
{
    json_document_close(&call->document);
    arena_close(&call->arena);
    arena_close(&call->scratch);
    memory_free(memory, MEMORY_REQUESTS, call, sizeof *call);
}

static void refuse(struct produce_call *call, int error_code, const char *words)
{
    struct http_exchange *exchange = call->exchange;
    drop_producer(call);
    close_call(call, exchange->server->memory);
    http_reply_error(exchange, error_code, words);
}

/* ---- records ---- */

int produce_call_add(struct produce_call *call, const struct parsed_record *record)
{
    enum kafka_error refused;
    slice words;
    int rc = call->producer != NULL ? record_producer_add(call->producer, record, &refused, &words) : 0;
    arena_reset(&call->scratch);
    return rc;
}

static void on_sent(void *context)
{
    struct produce_call *call = context;
    struct memory *memory = call->exchange->server->memory;
    struct record_producer *producer = call->producer;
    int32_t *sequences = call->identity.sequences;
    int32_t partitions = call->partitions;
    call->dialect->answer(call); /* the exchange is gone */
    record_producer_free(producer);
    memory_free(memory, MEMORY_REQUESTS, sequences, (size_t)partitions * sizeof *sequences);
    close_call(call, memory);
}

/* Records without a key go to any partition, but to the same when a request comes again. */
static uint32_t choose_start(struct produce_call *call)
{
    uint32_t start;
    if (call->has_identity)
        return (uint32_t)call->identity.producer_id;
    server_random(call->exchange->server, &start, sizeof start);
    return start;
}

static bool make_producer(struct produce_call *call, struct topic *topic)
{
    struct server *server = call->exchange->server;
    call->partitions = topic->partition_count;
    if (call->has_identity) {
        call->identity.sequences = memory_alloc_zeroed(server->memory, MEMORY_REQUESTS,
                                                       (size_t)call->partitions * sizeof *call->identity.sequences);
        if (call->identity.sequences == NULL)
            return false;
    }
    call->producer = record_producer_make(&(struct record_producer_settings){
        .server = server,
        .topic = topic,
        .partitions = call->partitions,
        .start = choose_start(call),
        .acks = call->acks,
        .identity = call->has_identity ? &call->identity : NULL,
    });
    return call->producer != NULL;
}

static void produce_to(struct produce_call *call, struct topic *topic)
{
    struct error error = {0};
    if (topic->is_internal) {
        refuse(call, rest_error_code(KAFKA_INVALID_TOPIC_EXCEPTION), "The topic is the server's own.");
        return;
    }
    int rc = make_producer(call, topic) ? call->dialect->fill(call, &error)
                                        : error_set(&error, REST_NO_MEMORY, "out of memory");
    if (rc != 0) {
        refuse(call, rc, error.message);
        return;
    }
    http_exchange_hold(call->exchange, record_producer_held(call->producer));
    record_producer_send(call->producer, on_sent, call);
}

static void on_topic(struct missing_topic_request *request, struct topic *topic, enum kafka_error code,
                     const struct error *error)
{
    struct produce_call *call = CONTAINER_OF(request, struct produce_call, topic_request);
    if (topic != NULL)
        produce_to(call, topic);
    else if (code == KAFKA_UNKNOWN_TOPIC_OR_PARTITION)
        refuse(call, call->dialect->topic_error, call->dialect->topic_text);
    else
        refuse(call, rest_error_code(code), error->message[0] != '\0' ? error->message : rest_error_text(code));
}

/* A topic that is not there is not made for a body that is no good. */
static void begin(struct produce_call *call)
{
    struct server *server = call->exchange->server;
    struct topic *topic = topics_find(&server->topics, call->topic_name);
    struct error error = {0};
    if (topic != NULL) {
        produce_to(call, topic);
        return;
    }
    int rc = call->dialect->fill(call, &error);
    if (rc != 0) {
        refuse(call, rc, error.message);
        return;
    }
    call->topic_request = (struct missing_topic_request){.name = call->topic_name, .done = on_topic};
    missing_topic_start(server->missing_topics, &call->topic_request);
}

void produce_call_start(struct http_exchange *exchange, const struct produce_dialect *dialect, slice topic)
{
    struct memory *memory = exchange->server->memory;
    slice key;
    if (!produce_idempotency_key(exchange, &key))
        return;
    struct produce_call *call = memory_alloc_zeroed(memory, MEMORY_REQUESTS, sizeof *call);
    if (call == NULL) {
        rest_reply_no_memory(exchange);
        return;
    }
    call->exchange = exchange;
    call->dialect = dialect;
    call->topic_name = topic;
    call->acks = produce_acks(exchange);
    call->has_identity = !slice_is_null(key);
    if (call->has_identity)
        call->identity.producer_id = record_identity_of(key);
    json_document_init(&call->document, memory, MEMORY_REQUESTS, (struct json_limits){DEPTH_MAX, VALUES_MAX});
    arena_init(&call->arena, memory, MEMORY_REQUESTS, ARENA_MAX);
    arena_init(&call->scratch, memory, MEMORY_REQUESTS, ARENA_MAX);
    begin(call);
}
