#include "response.h"

#include "transport.h"

#include <errno.h>

#define PARTS_MAX 64

void response_queue_init(struct response_queue *queue)
{
    *queue = (struct response_queue){.first = NULL};
    queue->tail = &queue->first;
}

void response_queue_push(struct response_queue *queue, struct response *response)
{
    response->next = NULL;
    *queue->tail = response;
    queue->tail = &response->next;
    queue->bytes += writer_message_size(&response->body);
}

static void pop(struct response_queue *queue)
{
    struct response *response = queue->first;
    queue->first = response->next;
    if (queue->first == NULL)
        queue->tail = &queue->first;
    response->done(response);
}

void response_queue_clear(struct response_queue *queue)
{
    while (queue->first != NULL)
        pop(queue);
    queue->bytes = 0;
}

static const struct writer_splice *splice_under_way(const struct response *response)
{
    return response->splices_sent < response->body.splice_count ? &response->body.splices[response->splices_sent]
                                                                : NULL;
}

/* Bytes of the body that may leave before the next splice. */
static size_t memory_ready(const struct response *response)
{
    const struct writer_splice *splice = splice_under_way(response);
    return (splice != NULL ? splice->position : response->body.size) - response->body_sent;
}

/* Memory from the front of the queue up to the first file range; *more: one follows. */
static int gather(const struct response_queue *queue, struct iovec parts[PARTS_MAX], bool *more)
{
    int count = 0;
    *more = false;
    for (const struct response *response = queue->first; response != NULL && count < PARTS_MAX;
         response = response->next) {
        size_t size = memory_ready(response);
        if (size != 0)
            parts[count++] = (struct iovec){response->body.data + response->body_sent, size};
        if (splice_under_way(response) != NULL) {
            *more = true;
            break;
        }
    }
    return count;
}

static void advance_memory(struct response_queue *queue, size_t sent)
{
    while (queue->first != NULL) {
        struct response *response = queue->first;
        size_t ready = memory_ready(response);
        size_t taken = sent < ready ? sent : ready;
        response->body_sent += taken;
        sent -= taken;
        if (splice_under_way(response) != NULL || response->body_sent < response->body.size)
            break;
        pop(queue);
    }
}

static void advance_file(struct response_queue *queue, size_t sent)
{
    struct response *response = queue->first;
    response->splice_sent += sent;
    if (response->splice_sent == splice_under_way(response)->size) {
        response->splices_sent++;
        response->splice_sent = 0;
    }
    if (splice_under_way(response) == NULL && response->body_sent == response->body.size)
        pop(queue);
}

static ssize_t send_memory(struct response_queue *queue, struct transport *transport)
{
    struct iovec parts[PARTS_MAX];
    bool more;
    int count = gather(queue, parts, &more);
    ssize_t sent = transport->ops->send(transport, parts, count, more);
    if (sent > 0)
        advance_memory(queue, (size_t)sent);
    return sent;
}

static ssize_t send_file(struct response_queue *queue, struct transport *transport, size_t limit)
{
    const struct response *response = queue->first;
    const struct writer_splice *splice = splice_under_way(response);
    struct file_range range = *(const struct file_range *)splice->source;
    range.position += response->splice_sent;
    size_t left = splice->size - response->splice_sent;
    ssize_t sent = transport->ops->send_file(transport, &range, left < limit ? left : limit);
    if (sent > 0)
        advance_file(queue, (size_t)sent);
    return sent;
}

int response_queue_send(struct response_queue *queue, struct transport *transport, size_t limit, size_t *sent,
                        bool *blocked)
{
    *sent = 0;
    *blocked = false;
    while (queue->first != NULL && *sent < limit) {
        ssize_t rc = memory_ready(queue->first) != 0 ? send_memory(queue, transport)
                                                     : send_file(queue, transport, limit - *sent);
        if (rc == -EAGAIN) {
            *blocked = true;
            return 0;
        }
        if (rc < 0)
            return (int)rc;
        queue->bytes -= (size_t)rc;
        *sent += (size_t)rc;
    }
    return 0;
}
