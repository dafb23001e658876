#include "http/body.h"

#include "connection.h"
#include "http/exchange_private.h"
#include "http/routes.h"
#include "http/session.h"

void http_body_begin(struct http_exchange *exchange)
{
    exchange->is_handled = exchange->is_paused = true;
    exchange->route->begin(exchange);
}

/* A final status that is told already is the answer to Expect too. */
static void expect_body(struct http_exchange *exchange)
{
    if (exchange->connection == NULL || exchange->is_stream)
        return;
    exchange->is_writing = true;
    http_exchange_expect_body(exchange);
    exchange->is_writing = false;
}

void http_body_read(struct http_exchange *exchange, const struct http_body_reader *reader, void *context)
{
    exchange->reader = reader;
    exchange->context = context;
    expect_body(exchange);
    if (exchange->connection != NULL)
        http_body_resume(exchange);
    else
        http_body_cut(exchange, 400, "the client has gone");
}

void http_body_take(struct http_exchange *exchange, slice bytes)
{
    exchange->reader->take(exchange, bytes);
}

/* Who is just sending learns it from what the call returns. */
void http_body_cut(struct http_exchange *exchange, int status, const char *message)
{
    exchange->is_complete = true;
    exchange->closes = true;
    if (!exchange->is_writing)
        exchange->reader->cut(exchange, status, message);
}

bool http_body_is_awaited(const struct http_exchange *exchange)
{
    bool is_body = exchange->request.has_body && exchange->socket == NULL;
    return is_body && exchange->is_handled && !exchange->is_complete;
}

void http_body_pause(struct http_exchange *exchange)
{
    exchange->is_paused = true;
}

void http_body_resume(struct http_exchange *exchange)
{
    if (!exchange->is_paused)
        return;
    exchange->is_paused = false;
    if (exchange->connection != NULL)
        http_session_advance(exchange->connection, false);
}
