#include "http/exchange.h"

#include "connection.h"
#include "http/body.h"
#include "http/exchange_private.h"
#include "http/negotiate.h"
#include "http/routes.h"
#include "http/session.h"
#include "server.h"

#include <stdio.h>

#define CODEC_ROOM  ((size_t)64 << 10) /* what codecs ask for ahead */
#define GZIP_LEVEL  1                  /* the loop waits for it */
#define ZSTD_LEVEL  1
#define INTERIM_MAX 64
/* Of a body's buffer at first: of one in chunks, and of one whose length is known. */
#define FIRST_ROOM  ((size_t)4 << 10)
#define KNOWN_ROOM  ((size_t)64 << 10)
#define DROPPED_MAX ((size_t)64 << 10) /* bytes of a body that nobody wants */
#define JSON_TYPE   "application/json"
#define TOO_LARGE   "the body is larger than this path takes"

/* ---- the answer ---- */

/* The body to send: `packed` where that is smaller and wanted. */
static slice compress(struct http_exchange *exchange, const char *type, slice body, writer *packed)
{
    enum codec codec = http_choose_coding(&exchange->request);
    if (codec == CODEC_NONE || !http_is_worth_compressing(type, body.size))
        return body;
    int level = codec == CODEC_GZIP ? GZIP_LEVEL : ZSTD_LEVEL;
    if (codec_compress(codec, body, level, packed, NULL) != 0 || packed->size >= body.size)
        return body;
    exchange->coding = codec_text(codec);
    return writer_slice(packed);
}

static void reply(struct http_exchange *exchange, int status, const char *type, const char *headers, slice body)
{
    struct connection *connection = exchange->connection;
    exchange->closes |= http_body_is_awaited(exchange);
    bool closes = exchange->closes;
    struct answer *answer = connection != NULL ? http_answer_make(connection, HTTP_HEAD_ROOM + body.size) : NULL;
    if (answer != NULL)
        http_answer_write(exchange, status, type, headers, body, &answer->response.body);
    http_exchange_free(exchange);
    if (connection == NULL)
        return;
    if (answer == NULL)
        connection_close(connection, "out of memory");
    else if (http_answer_send(answer))
        http_session_advance(connection, closes);
}

void http_reply(struct http_exchange *exchange, int status, const char *type, const char *headers, slice body)
{
    writer packed;
    writer_init(&packed, exchange->server->memory, MEMORY_RESPONSES, body.size + CODEC_ROOM);
    reply(exchange, status, type, headers, compress(exchange, type, body, &packed));
    writer_close(&packed);
}

void http_reply_written(struct http_exchange *exchange, int status, const char *type, const writer *body)
{
    if (writer_ok(body))
        http_reply(exchange, status, type, NULL, writer_slice(body));
    else
        http_reply_error(exchange, 50001, "the answer does not fit into memory");
}

static void reply_error(struct http_exchange *exchange, int error_code, const char *message, const char *headers)
{
    int status = error_code >= 1000 ? error_code / 100 : error_code;
    writer w;
    writer_init(&w, exchange->server->memory, MEMORY_RESPONSES, HTTP_HEAD_ROOM);
    struct json json = json_to(&w);
    json_begin_object(&json);
    json_key(&json, "error_code");
    json_int(&json, error_code);
    json_key(&json, "message");
    json_text(&json, message);
    json_end_object(&json);
    const char *type =
        exchange->api != NULL && exchange->api->error_type != NULL ? exchange->api->error_type : JSON_TYPE;
    http_reply(exchange, status, type, headers, writer_ok(&w) ? writer_slice(&w) : slice_of_text("{}"));
    writer_close(&w);
}

void http_reply_error(struct http_exchange *exchange, int error_code, const char *message)
{
    reply_error(exchange, error_code, message, NULL);
}

/* ---- the beginning ---- */

static void split_target(struct http_exchange *exchange)
{
    slice target = exchange->request.target;
    const uint8_t *mark = memchr(target.data, '?', target.size);
    size_t size = mark != NULL ? (size_t)(mark - target.data) : target.size;
    exchange->path = slice_of(target.data, size);
    exchange->query = mark != NULL ? slice_of(mark + 1, target.size - size - 1) : NULL_SLICE;
}

/* A body that is not wanted is not kept; one that is short is not worth a new connection. */
static bool refuse(struct http_exchange *exchange, int error_code, const char *message, const char *headers)
{
    const struct http_request *request = &exchange->request;
    exchange->closes |= request->is_chunked || request->expects_continue || request->content_length > DROPPED_MAX;
    reply_error(exchange, error_code, message, headers);
    return false;
}

static bool answer_options(struct http_exchange *exchange, const char *headers)
{
    exchange->closes |= exchange->request.has_body;
    http_reply(exchange, 204, NULL, headers, NULL_SLICE);
    return false;
}

/* False: the path does not lead to a route, and that has been answered. */
static bool find_route(struct http_exchange *exchange)
{
    char allowed[HTTP_ALLOW_MAX], headers[HTTP_ALLOW_MAX + 16];
    enum http_method method = exchange->request.method;
    enum http_match match = http_routes_match(exchange->server->http_apis, exchange, allowed);
    snprintf(headers, sizeof headers, "Allow: %s\r\n", allowed);
    if (match == HTTP_NO_SUCH_METHOD && method == HTTP_METHOD_OPTIONS)
        return answer_options(exchange, headers);
    if (method == HTTP_METHOD_OPTIONS && slice_equal(exchange->path, slice_of_text("*")))
        return answer_options(exchange, NULL);
    if (match == HTTP_NO_SUCH_PATH)
        return refuse(exchange, 404, "there is no such path; / lists what there is", NULL);
    if (match == HTTP_NO_SUCH_METHOD)
        return refuse(exchange, 405, "the path does not take this method", headers);
    if (match == HTTP_NO_SUCH_MEDIA)
        return refuse(exchange, exchange->api->media_error != 0 ? exchange->api->media_error : 415,
                      "the path does not take a body of this Content-Type", NULL);
    return true;
}

static bool take_parameters(struct http_exchange *exchange)
{
    char objection[HTTP_OBJECTION_MAX];
    bool is_path;
    if (http_parameters_take(exchange, objection, &is_path))
        return true;
    int error_code = exchange->api->parameter_error != 0 ? exchange->api->parameter_error : 400;
    return refuse(exchange, is_path ? 404 : error_code, objection, NULL);
}

bool http_exchange_begin(struct http_exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    exchange->closes = !request->keeps_alive;
    split_target(exchange);
    if (!find_route(exchange))
        return false;
    if (!http_origin_is_harmless(exchange->server->config, request))
        return refuse(exchange, 403, "pages of this origin may not do that; access.control.allow.origin permits it",
                      NULL);
    if (!take_parameters(exchange))
        return false;
    const struct http_route *route = exchange->route;
    slice coding = http_request_field(request, "content-encoding");
    if (request->has_body && coding.size != 0 && !http_same_name(coding, "identity"))
        return refuse(exchange, 415, "bodies are taken as they are, without a Content-Encoding",
                      "Accept-Encoding: identity\r\n"); /* RFC 9110 15.5.16 */
    bool is_too_large = request->content_length > route->body_limit || (request->is_chunked && route->body_limit == 0);
    if (route->begin == NULL && is_too_large)
        return refuse(exchange, 413, TOO_LARGE, NULL);
    return true;
}

/* ---- the body ---- */

/* How large a body in chunks becomes is known at its end: what it may become is reserved at once, since one that waits
 * for more while it holds some could wait for another one that does so too. */
size_t http_exchange_body_bytes(const struct http_exchange *exchange)
{
    return exchange->request.is_chunked ? exchange->route->body_limit : (size_t)exchange->request.content_length;
}

static bool make_room(struct http_exchange *exchange, size_t needed)
{
    struct memory *memory = exchange->server->memory;
    size_t first = exchange->request.is_chunked ? FIRST_ROOM : KNOWN_ROOM;
    size_t size = exchange->room_size != 0 ? 2 * exchange->room_size : first;
    size_t most = http_exchange_body_bytes(exchange);
    size = size < needed ? needed : size;
    size = size > most ? most : size;
    uint8_t *room = memory_realloc(memory, MEMORY_REQUESTS, exchange->room, exchange->room_size, size);
    if (room == NULL)
        return false;
    exchange->room = room;
    exchange->room_size = size;
    return true;
}

/* RFC 9110 10.1.1 */
void http_exchange_expect_body(struct http_exchange *exchange)
{
    if (!exchange->request.expects_continue)
        return;
    struct answer *answer = http_answer_make(exchange->connection, INTERIM_MAX);
    if (answer == NULL) {
        connection_close(exchange->connection, "out of memory");
        return;
    }
    http_write_status(&answer->response.body, 100, 0);
    http_write_head_end(&answer->response.body);
    (void)!http_answer_send(answer);
}

void http_exchange_take_body(struct http_exchange *exchange, slice bytes)
{
    size_t needed = exchange->body.size + bytes.size;
    exchange->closes |= needed > http_exchange_body_bytes(exchange);
    if (needed > http_exchange_body_bytes(exchange)) {
        http_reply_error(exchange, 413, TOO_LARGE);
        return;
    }
    if (needed > exchange->room_size && !make_room(exchange, needed)) {
        exchange->closes = true;
        http_reply_error(exchange, 503, "out of memory");
        return;
    }
    memcpy(exchange->room + exchange->body.size, bytes.data, bytes.size);
    exchange->body = slice_of(exchange->room, needed);
}

void http_exchange_handle(struct http_exchange *exchange)
{
    if (exchange->request.has_body)
        http_exchange_let_go(exchange, http_exchange_body_bytes(exchange) - exchange->room_size);
    exchange->is_handled = exchange->is_complete = true;
    exchange->route->handle(exchange);
}

bool http_exchange_takes_input(const struct http_exchange *exchange)
{
    return !exchange->is_paused && !exchange->is_complete;
}

/* ---- its life ---- */

static struct budget_account *account_of(const struct http_exchange *exchange)
{
    return exchange->connection != NULL ? &exchange->connection->account
                                        : connections_orphans(exchange->server->connections);
}

void http_exchange_hold(struct http_exchange *exchange, size_t bytes)
{
    exchange->charged += bytes;
    budget_add(account_of(exchange), bytes);
}

void http_exchange_let_go(struct http_exchange *exchange, size_t bytes)
{
    exchange->charged -= bytes;
    budget_return(account_of(exchange), bytes);
}

void http_exchange_orphan(struct http_exchange *exchange)
{
    exchange->connection = NULL; /* what it is charged goes back with the connection's account */
    budget_add(account_of(exchange), exchange->charged);
    if (exchange->reader != NULL && !exchange->is_complete)
        http_body_cut(exchange, 400, "the client has gone");
    else
        http_exchange_hurry(exchange);
}

void http_exchange_free(struct http_exchange *exchange)
{
    struct memory *memory = exchange->server->memory;
    if (exchange->connection != NULL) {
        http_session_of(exchange->connection)->exchange = NULL;
        exchange->connection->may_stall = false;
    }
    budget_return(account_of(exchange), exchange->charged);
    http_socket_free(exchange);
    http_request_free(&exchange->request, memory);
    memory_free(memory, MEMORY_REQUESTS, exchange->room, exchange->room_size);
    memory_free(memory, MEMORY_REQUESTS, exchange, sizeof *exchange);
}
