/* Addresses of sockets, as people write them: HOST:PORT, [IPv6]:PORT, unix:/path. */
#pragma once

#include "slice.h"
#include "status.h"

#include <stdbool.h>

#include <sys/socket.h>
#include <sys/un.h>

#define ADDRESS_TEXT_MAX 128

struct address {
    struct sockaddr_storage socket;
    socklen_t size;
    char host[ADDRESS_TEXT_MAX]; /* as written; the path of a unix: one */
    uint16_t port;               /* as written */
};

/* With or without "PLAINTEXT://" before it. An empty host is every address. A name that is no number is looked up
 * (which may take as long as the resolver takes). Errors: -EINVAL, -ENOENT, with words. */
MUST_USE int address_parse(slice text, struct address *address, struct error *error);
/* As address_parse, without looking the name up: host and port alone. */
MUST_USE int address_split(slice text, struct address *address, struct error *error);
/* Names a host and a port that a client could connect to: not unix:, not port 0, not "every address" (0.0.0.0, [::] or
 * an empty host). Also right after address_split. */
bool address_is_reachable(const struct address *address);
/* Can be reached from this machine only. */
bool address_is_loopback(const struct address *address);

/* "127.0.0.1:9092", "[::1]:9092", "unix" */
void address_print(const struct sockaddr *address, char text[ADDRESS_TEXT_MAX]);
/* The address without the port, "unix:/path" for that; and the port, 0 where there is none. */
void address_print_host(const struct sockaddr *address, char text[ADDRESS_TEXT_MAX], uint16_t *port);
/* What limits by address go by: an IPv4 address, the upper 64 bits of an IPv6 one (a network that one party has), all
 * local sockets together. Borrows from `address`. */
slice address_key(const struct sockaddr *address);
