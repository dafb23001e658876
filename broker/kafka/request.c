#include "kafka/request.h"

#include "kafka/schema.h"
#include "kafka/session.h"

#include <errno.h>
#include <stdio.h>

/* A small request may name much (all topics), so the arena is not bounded by its size alone. */
#define ARENA_FLOOR ((size_t)1 << 20)

static void reject(struct kafka_request *request, const char *reason);

/* ---- the end of a request ---- */

static struct budget_account *account_of(const struct kafka_request *request)
{
    return request->connection != NULL ? &request->connection->account
                                       : connections_orphans(request->server->connections);
}

void kafka_request_free(struct kafka_request *request)
{
    struct server *server = request->server;
    if (request->release != NULL)
        request->release(request);
    arena_close(&request->arena);
    framing_free_buffer(connections_framing(server->connections), request->buffer);
    budget_return(account_of(request), request->charged);
    memory_free(server->memory, MEMORY_REQUESTS, request, sizeof *request);
}

static void on_response_done(struct response *response)
{
    struct kafka_request *request = response->context;
    writer_close(&response->body);
    memory_free(request->server->memory, MEMORY_RESPONSES, response, sizeof *response);
    kafka_request_free(request);
}

static void end_request(struct kafka_request *request)
{
    request->is_ended = true;
    request->message = NULL;
    kafka_session_advance(request->connection);
}

/* The decoded request is of no use once it is answered, nor is what the handler made of it, but for the sources of
 * splices: the answer is counted instead. */
static void charge_response(struct kafka_request *request, const struct response *response)
{
    struct budget_account *account = &request->connection->account;
    size_t before = request->charged;
    framing_free_buffer(connections_framing(request->server->connections), request->buffer);
    request->buffer = NULL;
    if (request->release == NULL)
        arena_close(&request->arena);
    request->charged = FRAMING_REQUEST_OVERHEAD + request->arena.total + response->body.capacity;
    budget_add(account, request->charged);
    budget_return(account, before);
}

/* The whole message: length, header, body. */
static int encode(const struct kafka_request *request, int16_t version, const void *value, writer *w)
{
    size_t length = write_reserved_u32(w);
    kafka_encode_response_header(request->api, version, request->correlation_id, w);
    int rc = kafka_encode(request->api->response, version, value, w);
    if (rc != 0)
        return rc;
    size_t size = writer_message_size(w) - 4;
    if (size > INT32_MAX)
        return FURROW_TOO_LARGE;
    writer_set_u32(w, length, (uint32_t)size);
    return writer_ok(w) ? 0 : FURROW_TOO_LARGE;
}

static void answer(struct kafka_request *request, int16_t version, const void *value)
{
    struct memory *memory = request->server->memory;
    struct response *response = NULL;
    int rc = -ENOMEM;
    if (request->connection == NULL) {
        kafka_request_free(request);
        return;
    }
    response = memory_alloc_zeroed(memory, MEMORY_RESPONSES, sizeof *response);
    if (response == NULL)
        goto err_close;
    writer_init(&response->body, memory, MEMORY_RESPONSES, INT32_MAX);
    rc = encode(request, version, value, &response->body);
    if (rc != 0)
        goto err_free;
    response->done = on_response_done;
    response->context = request;
    charge_response(request, response);
    request->response = response;
    end_request(request);
    return;

err_free:
    writer_close(&response->body);
    memory_free(memory, MEMORY_RESPONSES, response, sizeof *response);
err_close:
    reject(request, status_text(rc));
}

void kafka_answer(struct kafka_request *request, const void *response)
{
    answer(request, request->version, response);
}

void kafka_answer_version(struct kafka_request *request, int16_t version, const void *response)
{
    answer(request, version, response);
}

void kafka_finish(struct kafka_request *request)
{
    if (request->connection == NULL)
        kafka_request_free(request);
    else
        end_request(request);
}

void kafka_close(struct kafka_request *request, const char *reason)
{
    reject(request, reason);
}

static void reject(struct kafka_request *request, const char *reason)
{
    if (request->connection == NULL) {
        kafka_request_free(request);
        return;
    }
    connection_log(request->connection, "api=%s version=%d client_id=%s closing: %s",
                   request->api != NULL ? request->api->request->name : "unknown", request->version,
                   log_quote(request->client_id).text, reason);
    request->closes = true;
    end_request(request);
}

/* ---- the beginning ---- */

static void refuse_version(struct kafka_request *request, const struct request_header *header)
{
    request->version = header->request_api_version;
    if (header->request_api_key == API_API_VERSIONS) {
        request->api = kafka_api_find(API_API_VERSIONS);
        kafka_refuse_api_versions(request);
        return;
    }
    char reason[64];
    snprintf(reason, sizeof reason, "key=%d the API or its version is not served", header->request_api_key);
    reject(request, reason);
}

static int decode_message(struct kafka_request *request, reader *r)
{
    const struct message_type *type = request->api->request;
    request->message = arena_alloc(&request->arena, schema_structs[type->root].size);
    if (request->message == NULL)
        return -ENOMEM;
    return kafka_decode(type, request->version, r, request->message, &request->arena);
}

static size_t arena_most(const struct kafka_request *request)
{
    size_t half = budget_limit(request->server->budget) / 2;
    return half > ARENA_FLOOR ? half : ARENA_FLOOR;
}

/* A decoded request is a few times as large as its bytes. */
static size_t decoding_limit(const struct kafka_request *request, size_t size)
{
    size_t most = arena_most(request);
    return size < (most - ARENA_FLOOR) / 8 ? 8 * size + ARENA_FLOOR : most;
}

void kafka_request_count(struct kafka_request *request)
{
    size_t counted = request->charged - request->buffer->size - FRAMING_REQUEST_OVERHEAD;
    size_t added = request->arena.total - counted;
    budget_add(account_of(request), added);
    request->charged += added;
}

void kafka_request_start(struct kafka_request *request)
{
    struct request_header header;
    const struct request_buffer *buffer = request->buffer;
    reader r = reader_of(slice_of(buffer->data, buffer->size));
    request->arena.limit = decoding_limit(request, buffer->size);
    int rc = kafka_decode_request_header(&r, &header, &request->arena);
    kafka_handler *handler = kafka_find_handler(header.request_api_key);
    request->correlation_id = header.correlation_id;
    if (rc == FURROW_UNSUPPORTED || (rc == 0 && handler == NULL)) {
        refuse_version(request, &header);
        return;
    }
    request->api = kafka_api_find(header.request_api_key);
    request->version = header.request_api_version;
    request->client_id = header.client_id;
    if (rc == 0)
        rc = decode_message(request, &r);
    if (rc != 0) {
        reject(request, rc == FURROW_MALFORMED ? "the request cannot be decoded" : status_text(rc));
        return;
    }
    request->arena.limit = arena_most(request);
    kafka_request_count(request);
    request->server->requests_started++;
    request->server->requests_by_key[header.request_api_key]++; /* it has a handler: the key is one of Kafka's */
    handler(request);
}

/* ---- what handlers ask ---- */

void kafka_request_address(const struct kafka_request *request, char host[ADVERTISED_HOST_MAX], uint16_t *port)
{
    if (!advertised_listener(request->server->config, host, port))
        advertised_by_connection(request->connection, host, port);
}
