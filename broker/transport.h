/* How bytes go in and out of a connection. The plain one is here: recvmsg, sendmsg, sendfile(2), never blocking. TLS
 * takes its place with the same calls, and reads and encrypts file ranges. */
#pragma once

#include "response.h"

#include <sys/types.h>
#include <sys/uio.h>

struct transport;

/* Each returns bytes (> 0) or a negative errno; -EAGAIN: not now. */
struct transport_ops {
    ssize_t (*receive)(struct transport *transport, struct iovec *parts, int count); /* 0: the peer has ended */
    /* more: a file range follows at once. */
    ssize_t (*send)(struct transport *transport, struct iovec *parts, int count, bool more);
    ssize_t (*send_file)(struct transport *transport, const struct file_range *range, size_t size);
};

struct transport {
    const struct transport_ops *ops;
    int descriptor;
    bool sends_files; /* the socket was prepared for it */
};

/* The descriptor must be non-blocking; it stays the caller's to close. */
void transport_init_plain(struct transport *transport, int descriptor);

static inline ssize_t transport_receive(struct transport *transport, struct iovec *parts, int count)
{
    return transport->ops->receive(transport, parts, count);
}
