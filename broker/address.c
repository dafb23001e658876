#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define UNIX_PREFIX "unix:"
#define PLAINTEXT   "PLAINTEXT"

static bool starts_with(slice text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

static slice skip(slice text, size_t bytes)
{
    return slice_of(text.data + bytes, text.size - bytes);
}

/* Takes "PLAINTEXT://" off, in any case of letters, as Kafka does. Any other name is refused: served in plain text, it
 * would promise what is not kept. */
static int take_scheme(slice *text, struct error *error)
{
    size_t size = 0;
    while (size + 3 <= text->size && memcmp(text->data + size, "://", 3) != 0)
        size++;
    if (size + 3 > text->size)
        return 0;
    if (size != strlen(PLAINTEXT) || strncasecmp((const char *)text->data, PLAINTEXT, size) != 0)
        return error_set(error, -EINVAL, "%.*s: only " PLAINTEXT " is served; TLS and authentication are not there yet",
                         SLICE_PRINT(*text));
    *text = skip(*text, size + 3);
    return 0;
}

static int parse_unix(slice path, struct address *address, struct error *error)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&address->socket;
    if (path.size == 0 || path.size >= sizeof local->sun_path)
        return error_set(error, -EINVAL, "unix:%.*s: the path must have 1 to %zu bytes", SLICE_PRINT(path),
                         sizeof local->sun_path - 1);
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path.data, path.size);
    address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.size + 1);
    snprintf(address->host, sizeof address->host, "%.*s", SLICE_PRINT(path));
    return 0;
}

/* Splits HOST:PORT; brackets around an IPv6 address are taken off. */
static int split(slice text, struct address *address, struct error *error)
{
    size_t colon = text.size;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    char port[8];
    snprintf(port, sizeof port, "%.*s", SLICE_PRINT(skip(text, colon)));
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    slice host = slice_of(text.data, colon != 0 ? colon - 1 : 0);
    if (colon == 0 || end == port || *end != '\0' || number > UINT16_MAX || host.size >= sizeof address->host)
        return error_set(error, -EINVAL, "%.*s: must be HOST:PORT, [IPv6]:PORT or unix:/path", SLICE_PRINT(text));
    if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        host = slice_of(host.data + 1, host.size - 2);
    snprintf(address->host, sizeof address->host, "%.*s", SLICE_PRINT(host));
    address->port = (uint16_t)number;
    return 0;
}

static int look_up(struct address *address, struct error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int rc = getaddrinfo(address->host, NULL, &hints, &found);
    if (rc != 0)
        return error_set(error, -ENOENT, "%s: %s", address->host, gai_strerror(rc));
    memcpy(&address->socket, found->ai_addr, found->ai_addrlen);
    address->size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int resolve(struct address *address, struct error *error)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->socket;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->socket;
    const char *host = strcmp(address->host, "localhost") == 0 ? "127.0.0.1" : address->host;
    int rc = 0;
    if (host[0] == '\0') {
        v6->sin6_family = AF_INET6;
    } else if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
    } else {
        rc = look_up(address, error);
    }
    if (rc != 0)
        return rc;
    if (address->socket.ss_family == AF_INET)
        v4->sin_port = htons(address->port);
    else
        v6->sin6_port = htons(address->port);
    address->size = address->socket.ss_family == AF_INET ? sizeof *v4 : sizeof *v6;
    return 0;
}

int address_split(slice text, struct address *address, struct error *error)
{
    memset(address, 0, sizeof *address);
    int rc = take_scheme(&text, error);
    if (rc != 0)
        return rc;
    if (starts_with(text, UNIX_PREFIX))
        return parse_unix(skip(text, strlen(UNIX_PREFIX)), address, error);
    return split(text, address, error);
}

int address_parse(slice text, struct address *address, struct error *error)
{
    int rc = address_split(text, address, error);
    return rc != 0 || address->socket.ss_family == AF_UNIX ? rc : resolve(address, error);
}

/* "0" and "0.0" are 0.0.0.0 too. */
static bool is_every_address(const char *host)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found;
    if (host[0] == '\0')
        return true;
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    const struct sockaddr_in *v4 = (const void *)found->ai_addr;
    const struct sockaddr_in6 *v6 = (const void *)found->ai_addr;
    bool every = found->ai_family == AF_INET ? v4->sin_addr.s_addr == htonl(INADDR_ANY)
                                             : IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) != 0;
    freeaddrinfo(found);
    return every;
}

bool address_is_reachable(const struct address *address)
{
    return address->socket.ss_family != AF_UNIX && address->port != 0 && !is_every_address(address->host);
}

bool address_is_loopback(const struct address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->socket;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->socket;
    switch (address->socket.ss_family) {
    case AF_UNIX:
        return true;
    case AF_INET:
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) != 0;
    default:
        return false;
    }
}

static bool is_mapped(const struct sockaddr *address)
{
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr) != 0;
}

void address_print_host(const struct sockaddr *address, char text[ADDRESS_TEXT_MAX], uint16_t *port)
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    *port = 0;
    snprintf(text, ADDRESS_TEXT_MAX, "unix");
    if (address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, text, ADDRESS_TEXT_MAX);
        *port = ntohs(v4->sin_port);
    } else if (address->sa_family == AF_INET6) {
        if (is_mapped(address))
            inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, ADDRESS_TEXT_MAX);
        else
            inet_ntop(AF_INET6, &v6->sin6_addr, text, ADDRESS_TEXT_MAX);
        *port = ntohs(v6->sin6_port);
    }
}

void address_print(const struct sockaddr *address, char text[ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX];
    uint16_t port;
    address_print_host(address, host, &port);
    if (address->sa_family == AF_UNIX)
        snprintf(text, ADDRESS_TEXT_MAX, "%s", host);
    else if (strchr(host, ':') != NULL)
        snprintf(text, ADDRESS_TEXT_MAX, "[%.100s]:%u", host, port);
    else
        snprintf(text, ADDRESS_TEXT_MAX, "%.100s:%u", host, port);
}

slice address_key(const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    if (address->sa_family == AF_INET)
        return slice_of(&v4->sin_addr, sizeof v4->sin_addr);
    if (is_mapped(address))
        return slice_of(v6->sin6_addr.s6_addr + 12, 4);
    if (address->sa_family == AF_INET6)
        return slice_of(&v6->sin6_addr, 8);
    return slice_of_text("unix");
}
