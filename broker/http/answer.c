#include "connection.h"
#include "container.h"
#include "http/exchange_private.h"
#include "http/negotiate.h"
#include "server.h"

static void on_response_done(struct response *response)
{
    struct answer *answer = CONTAINER_OF(response, struct answer, response);
    struct connection *connection = answer->connection;
    budget_return(&connection->account, answer->charged);
    writer_close(&response->body);
    shared_bytes_release(answer->shared);
    memory_free(connection->server->memory, MEMORY_RESPONSES, answer, sizeof *answer);
}

struct answer *http_answer_make(struct connection *connection, size_t bytes)
{
    struct memory *memory = connection->server->memory;
    struct answer *answer = memory_alloc_zeroed(memory, MEMORY_RESPONSES, sizeof *answer);
    if (answer == NULL)
        return NULL;
    answer->connection = connection;
    answer->response.done = on_response_done;
    writer_init(&answer->response.body, memory, MEMORY_RESPONSES, bytes);
    return answer;
}

void http_answer_share(struct answer *answer, struct shared_bytes *shared, size_t from, size_t size)
{
    answer->shared = shared_bytes_hold(shared);
    answer->range = (struct file_range){.bytes = shared->data + from};
    write_splice(&answer->response.body, size, &answer->range);
}

bool http_answer_send(struct answer *answer)
{
    struct connection *connection = answer->connection;
    if (!writer_ok(&answer->response.body)) {
        on_response_done(&answer->response);
        connection_close(connection, "out of memory");
        return false;
    }
    answer->charged = sizeof *answer + answer->response.body.capacity;
    budget_add(&connection->account, answer->charged);
    connection_send(connection, &answer->response);
    return true;
}

static bool sends_body(const struct http_exchange *exchange, int status)
{
    return exchange->request.method != HTTP_METHOD_HEAD && http_status_has_body(status);
}

static void write_origin(const struct http_exchange *exchange, writer *w)
{
    const struct http_request *request = &exchange->request;
    slice origin = http_allowed_origin(exchange->server->config, request);
    if (slice_is_null(origin))
        return;
    http_write_field(w, "Access-Control-Allow-Origin", origin);
    http_write_text_field(w, "Vary", "Origin");
    http_write_text_field(w, "Access-Control-Expose-Headers", "*");
    if (!http_is_preflight(request))
        return;
    http_write_text_field(w, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE, PATCH");
    slice names = http_request_field(request, "access-control-request-headers");
    if (names.size != 0)
        http_write_field(w, "Access-Control-Allow-Headers", names);
    http_write_text_field(w, "Access-Control-Max-Age", "600");
}

static void write_connection(const struct http_exchange *exchange, writer *w)
{
    if (exchange->closes)
        http_write_text_field(w, "Connection", "close");
    else if (exchange->request.minor_version == 0)
        http_write_text_field(w, "Connection", "keep-alive");
}

void http_answer_count(struct http_exchange *exchange, int status)
{
    http_counts_add(&exchange->server->http_counts, exchange->route, status, uv_hrtime() - exchange->begun);
}

void http_answer_write(struct http_exchange *exchange, int status, const char *type, const char *headers, slice body,
                       writer *w)
{
    http_answer_count(exchange, status);
    http_write_status(w, status, server_now(exchange->server));
    if (type != NULL)
        http_write_text_field(w, "Content-Type", type);
    if (exchange->is_stream && exchange->request.minor_version != 0)
        http_write_text_field(w, "Transfer-Encoding", "chunked");
    else if (!exchange->is_stream && http_status_has_body(status))
        http_write_number_field(w, "Content-Length", body.size);
    if (exchange->coding != NULL) {
        http_write_text_field(w, "Content-Encoding", exchange->coding);
        http_write_text_field(w, "Vary", "Accept-Encoding");
    }
    write_origin(exchange, w);
    if (headers != NULL)
        write_bytes(w, slice_of_text(headers));
    write_connection(exchange, w);
    http_write_head_end(w);
    if (sends_body(exchange, status))
        write_bytes(w, body);
}
