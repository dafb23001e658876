/* A response on its way out: memory and file ranges in order, and the queue of a connection's responses.
 *
 * The bytes stand in a writer; its splices are file ranges, or memory that others send too (struct file_range as their
 * source). The transport sends them; several small responses leave in one call. */
#pragma once

#include "file.h"
#include "writer.h"

struct transport;

/* Where bytes of an answer lie in a file; the source of a splice. */
struct file_range {
    struct file *file;
    uint64_t position;
    const uint8_t *bytes; /* they lie here when `file` is NULL */
};

/* How far into a response. */
struct response_place {
    size_t body;    /* bytes */
    size_t splices; /* whole ones */
    size_t splice;  /* bytes of the next one */
};

struct response {
    struct response *next;
    writer body; /* owned */
    struct response_place sent;
    void (*done)(struct response *response); /* sent or dropped; frees it, the body with it */
    void *context;                           /* the owner's */
};

struct response_queue {
    struct response *first;
    struct response **tail;
    size_t bytes; /* that are not sent yet, splices included */
};

void response_queue_init(struct response_queue *queue);
void response_queue_push(struct response_queue *queue, struct response *response);
/* Drops what was not sent. */
void response_queue_clear(struct response_queue *queue);

/* Sends until nothing is left, the peer takes no more or about `limit` bytes have gone: one connection may not keep the
 * loop from the others. *sent counts the bytes, *blocked: the peer takes no more for now. Errors: the socket's, a
 * file's. */
MUST_USE int response_queue_send(struct response_queue *queue, struct transport *transport, size_t limit, size_t *sent,
                                 bool *blocked);
