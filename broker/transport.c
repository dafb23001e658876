#include "transport.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

/* A send buffer that the kernel grows to megabytes doubles the CPU time of sendfile: its pages leave the caches before
 * they are sent. The kernel doubles the number for its own bookkeeping. */
#define FILE_SEND_BUFFER ((int)100 << 10)
#define COPY_BYTES       ((size_t)16 << 10)

static ssize_t plain_receive(struct transport *transport, struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t got;
    do {
        got = recvmsg(transport->descriptor, &message, 0);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static ssize_t plain_send(struct transport *transport, struct iovec *parts, int count, bool more)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t sent;
    do {
        sent = sendmsg(transport->descriptor, &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

/* A disk without descriptors (a simulated one): through memory. */
static ssize_t copy_file(struct transport *transport, const struct file_range *range, size_t size)
{
    uint8_t bytes[COPY_BYTES];
    size_t got;
    int rc = file_read(range->file, bytes, size < sizeof bytes ? size : sizeof bytes, range->position, &got, NULL);
    if (rc != 0)
        return rc;
    if (got == 0)
        return -EIO;
    return plain_send(transport, &(struct iovec){bytes, got}, 1, got < size);
}

static ssize_t plain_send_file(struct transport *transport, const struct file_range *range, size_t size)
{
    if (range->file->descriptor < 0)
        return copy_file(transport, range, size);
    if (!transport->sends_files) {
        (void)setsockopt(transport->descriptor, SOL_SOCKET, SO_SNDBUF, &(int){FILE_SEND_BUFFER}, sizeof(int));
        transport->sends_files = true;
    }
    off_t position = (off_t)range->position;
    ssize_t sent;
    do {
        sent = sendfile(transport->descriptor, range->file->descriptor, &position, size);
    } while (sent < 0 && errno == EINTR);
    if (sent == 0)
        return -EIO; /* the file is shorter than it was: the response cannot be finished */
    return sent < 0 ? -errno : sent;
}

static const struct transport_ops plain_ops = {
    .receive = plain_receive,
    .send = plain_send,
    .send_file = plain_send_file,
};

void transport_init_plain(struct transport *transport, int descriptor)
{
    *transport = (struct transport){.ops = &plain_ops, .descriptor = descriptor};
}
