#include "probe.h"

#include "address.h"
#include "kafka/api.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_SECONDS 3
#define CORRELATION_ID  0x46757277

/* An address that means "every one" is reached by loopback. */
static void aim_at_loopback(struct address *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->socket;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->socket;
    if (address->socket.ss_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY))
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (address->socket.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
        v6->sin6_addr = in6addr_loopback;
}

static int receive_all(int descriptor, uint8_t *to, size_t size)
{
    while (size != 0) {
        ssize_t got = recv(descriptor, to, size, 0);
        if (got <= 0)
            return got == 0 ? -ECONNRESET : -errno;
        to += got;
        size -= (size_t)got;
    }
    return 0;
}

/* ApiVersions v0: length, key, version, correlation id, no client id. The answer: length, correlation id, error code.
 */
static int ask(int descriptor, struct error *error)
{
    uint8_t request[14], answer[10];
    store_u32(request, sizeof request - 4);
    store_u16(request + 4, API_API_VERSIONS);
    store_u16(request + 6, 0);
    store_u32(request + 8, CORRELATION_ID);
    store_u16(request + 12, UINT16_MAX);
    if (send(descriptor, request, sizeof request, MSG_NOSIGNAL) != (ssize_t)sizeof request)
        return error_set_status(error, -errno, "send");
    int rc = receive_all(descriptor, answer, sizeof answer);
    if (rc != 0)
        return error_set_status(error, rc, "receive");
    if (load_u32(answer + 4) != CORRELATION_ID || load_u16(answer + 8) != 0)
        return error_set(error, -EPROTO, "what answers there is no Kafka broker");
    return 0;
}

static int probe_address(const struct address *address, struct error *error)
{
    struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    int descriptor = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return error_set_status(error, -errno, "socket");
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    int rc = connect(descriptor, (const struct sockaddr *)&address->socket, address->size) == 0 ? 0 : -errno;
    if (rc != 0)
        error_set_status(error, rc, "connect");
    else
        rc = ask(descriptor, error);
    close(descriptor);
    return rc;
}

int probe_listener(const char *list, struct error *error)
{
    struct address address;
    size_t size = strcspn(list, ", ");
    if (size == 0)
        return error_set(error, -EINVAL, "listeners is empty: there is nothing to probe");
    int rc = address_parse(slice_of(list, size), &address, error);
    if (rc != 0)
        return rc;
    aim_at_loopback(&address);
    rc = probe_address(&address, error);
    return rc != 0 ? error_wrap(error, rc, "%.*s", (int)size, list) : 0;
}
