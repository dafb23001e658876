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

static const struct writer_splice *splice_at(const struct response *response, const struct response_place *place)
{
    return place->splices < response->body.splice_count ? &response->body.splices[place->splices] : NULL;
}

/* What lies in memory from the place on, up to where it lies elsewhere; empty: a file's bytes are next, or nothing. */
static struct iovec memory_at(const struct response *response, const struct response_place *place)
{
    const struct writer_splice *splice = splice_at(response, place);
    size_t body = (splice != NULL ? splice->position : response->body.size) - place->body;
    if (body != 0)
        return (struct iovec){response->body.data + place->body, body};
    const struct file_range *range = splice != NULL ? splice->source : NULL;
    if (range == NULL || range->file != NULL)
        return (struct iovec){NULL, 0};
    return (struct iovec){(void *)(uintptr_t)(range->bytes + place->splice), splice->size - place->splice};
}

static void step(const struct response *response, struct response_place *place, size_t size)
{
    const struct writer_splice *splice = splice_at(response, place);
    if (place->body < (splice != NULL ? splice->position : response->body.size)) {
        place->body += size;
        return;
    }
    place->splice += size;
    if (splice != NULL && place->splice == splice->size) {
        place->splices++;
        place->splice = 0;
    }
}

static bool is_sent(const struct response *response)
{
    return response->sent.body == response->body.size && splice_at(response, &response->sent) == NULL;
}

/* Memory from the front of the queue up to the first file range; *more: one follows. */
static int gather(const struct response_queue *queue, struct iovec parts[PARTS_MAX], bool *more)
{
    int count = 0;
    *more = false;
    for (const struct response *response = queue->first; response != NULL; response = response->next) {
        struct response_place place = response->sent;
        struct iovec part;
        while (count < PARTS_MAX && (part = memory_at(response, &place)).iov_len != 0) {
            parts[count++] = part;
            step(response, &place, part.iov_len);
        }
        if (count == PARTS_MAX)
            break;
        if (splice_at(response, &place) != NULL) {
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
        size_t ready = memory_at(response, &response->sent).iov_len;
        size_t taken = sent < ready ? sent : ready;
        if (taken != 0)
            step(response, &response->sent, taken);
        sent -= taken;
        if (is_sent(response))
            pop(queue);
        else if (taken == 0)
            break;
    }
}

static void advance_file(struct response_queue *queue, size_t sent)
{
    struct response *response = queue->first;
    step(response, &response->sent, sent);
    if (is_sent(response))
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
    const struct writer_splice *splice = splice_at(response, &response->sent);
    struct file_range range = *(const struct file_range *)splice->source;
    range.position += response->sent.splice;
    size_t left = splice->size - response->sent.splice;
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
        bool in_memory = memory_at(queue->first, &queue->first->sent).iov_len != 0;
        ssize_t rc = in_memory ? send_memory(queue, transport) : send_file(queue, transport, limit - *sent);
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
