#include "connection.h"

#include "connections_private.h"
#include "container.h"
#include "server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* What one connection may move in one turn of the loop. */
#define RECEIVE_TURN ((size_t)256 << 10)
#define SEND_TURN    ((size_t)1 << 20)

static void work_soon(struct connection *connection)
{
    if (connection->is_pending || connection->is_closing)
        return;
    connection->is_pending = true;
    connection->next_pending = connection->set->pending;
    connection->set->pending = connection;
}

void connection_update(struct connection *connection)
{
    work_soon(connection);
}

void connection_log(struct connection *connection, const char *format, ...)
{
    char text[LOG_LINE_MAX / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct connections *set = connection->set;
    log_line_limited(set->server->logger, &set->ends, LOG_WARN, "connection", "peer=%s %s", connection->peer, text);
}

void connection_close(struct connection *connection, const char *reason)
{
    if (connection->is_closing)
        return;
    connection->is_closing = true;
    struct connections *set = connection->set;
    if (reason != NULL)
        connection_log(connection, "closed: %s", reason);
    else
        log_debug(set->server->logger, "connection", "peer=%s closed", connection->peer);
    connections_note_receiving(connection);
    connection->dialect->close(connection);
    response_queue_clear(&connection->output);
    budget_account_close(&connection->account);
    connections_take_out(connection);
    close(connection->transport.descriptor);
}

void connection_end(struct connection *connection)
{
    if (connection->is_ending || connection->is_closing)
        return;
    connection->is_ending = true;
    connection->dialect->ending(connection);
    connection_update(connection);
}

void connection_send(struct connection *connection, struct response *response)
{
    response_queue_push(&connection->output, response);
    work_soon(connection);
}

static size_t parts_size(const struct iovec *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

/* One recvmsg. False: there is nothing more to receive for now. */
static bool receive(struct connection *connection, size_t *received)
{
    struct iovec parts[2];
    int count = connection->dialect->space(connection, parts);
    if (count == 0)
        return false;
    ssize_t got = transport_receive(&connection->transport, parts, count);
    if (got == -EAGAIN)
        return false;
    if (got == 0) {
        connection_end(connection);
        return false;
    }
    if (got < 0) {
        connection_close(connection, NULL);
        return false;
    }
    *received += (size_t)got;
    connection->dialect->received(connection, (size_t)got);
    return (size_t)got == parts_size(parts, count);
}

static void receive_turn(struct connection *connection)
{
    size_t received = 0;
    while (!connection->is_closing && !connection->is_ending && received < RECEIVE_TURN &&
           receive(connection, &received))
        ;
    if (connection->is_closing)
        return;
    if (received != 0)
        connections_touch(connection);
    connections_note_receiving(connection);
    work_soon(connection);
}

static void send_turn(struct connection *connection)
{
    size_t sent;
    int rc =
        response_queue_send(&connection->output, &connection->transport, SEND_TURN, &sent, &connection->is_blocked);
    if (rc != 0) {
        bool peer_has_gone = rc == -EPIPE || rc == -ECONNRESET || rc == -ETIMEDOUT;
        connection_close(connection, peer_has_gone ? NULL : status_text(rc));
        return;
    }
    if (sent == 0)
        return;
    connections_touch(connection);
    connection->dialect->sent(connection);
    if (!connection->is_closing)
        connections_note_receiving(connection);
}

static void on_events(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = CONTAINER_OF(poll, struct connection, poll);
    if (status != 0) {
        connection_close(connection, NULL);
        return;
    }
    if ((events & UV_WRITABLE) != 0) {
        connection->is_blocked = false;
        work_soon(connection);
    }
    if ((events & UV_READABLE) != 0)
        receive_turn(connection);
}

/* Tells the loop what to wait for; a system call only where that changes. */
static void poll_for(struct connection *connection)
{
    struct iovec parts[2];
    bool reads = !connection->is_ending && connection->dialect->space(connection, parts) != 0;
    int events = (reads ? UV_READABLE : 0) | (connection->output.first != NULL ? UV_WRITABLE : 0);
    if (events == connection->events)
        return;
    int rc = events != 0 ? uv_poll_start(&connection->poll, events, on_events) : uv_poll_stop(&connection->poll);
    if (rc != 0)
        connection_close(connection, status_text(rc));
    else
        connection->events = events;
}

void connection_work(struct connection *connection)
{
    if (connection->is_granted) {
        connection->is_granted = false;
        connection->dialect->granted(connection);
        if (connection->is_closing)
            return;
        connections_note_receiving(connection);
    }
    if (connection->output.first != NULL && !connection->is_blocked)
        send_turn(connection);
    if (connection->is_closing)
        return;
    if (connection->is_ending && connection->output.first == NULL && !connection->dialect->busy(connection))
        connection_close(connection, NULL);
    else
        poll_for(connection);
}
