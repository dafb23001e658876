#include "client.h"

#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    exit(1);
}

static struct sockaddr_in address_of(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void set_option(int fd, int level, int option, int value)
{
    require(setsockopt(fd, level, option, &value, sizeof value) == 0, "setsockopt");
}

int client_try_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    struct sockaddr_in address = address_of(port);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
}

int client_connect(uint16_t port)
{
    int fd = client_try_connect(port);
    errno = fd < 0 ? -fd : 0;
    require(fd >= 0, "connect");
    return fd;
}

static int64_t take_all(int fd, uint8_t *to, size_t size)
{
    size_t taken = 0;
    while (taken < size) {
        ssize_t n = recv(fd, to + taken, size - taken, 0);
        if (n == 0)
            return -ECONNRESET;
        if (n < 0)
            return -errno;
        taken += (size_t)n;
    }
    return (int64_t)size;
}

int client_send(int fd, slice frame)
{
    size_t sent = 0;
    while (sent < frame.size) {
        ssize_t n = send(fd, frame.data + sent, frame.size - sent, MSG_NOSIGNAL);
        if (n < 0)
            return -errno;
        sent += (size_t)n;
    }
    return 0;
}

int64_t client_take(int fd, uint8_t *answer, size_t capacity)
{
    uint8_t prefix[4];
    int64_t rc = take_all(fd, prefix, sizeof prefix);
    if (rc < 0)
        return rc;
    size_t size = load_u32(prefix);
    if (size > capacity)
        return -EMSGSIZE;
    return take_all(fd, answer, size);
}

int64_t client_exchange(int fd, slice frame, uint8_t *answer, size_t capacity)
{
    int rc = client_send(fd, frame);
    return rc != 0 ? rc : client_take(fd, answer, capacity);
}

void client_set_nonblocking(int fd)
{
    require(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
}

void client_set_blocking(int fd)
{
    require(fcntl(fd, F_SETFL, 0) == 0, "fcntl");
}

int client_listen(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    struct sockaddr_in address = address_of(port);
    require(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    require(listen(fd, 128) == 0, "listen");
    return fd;
}

void client_tune_accepted(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_SEND_BUFFER);
    client_set_nonblocking(fd);
}
