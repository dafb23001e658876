/* Listeners: the sockets that take connections. TCP over IPv4 and IPv6, and unix: sockets.
 *
 * Without descriptors left (EMFILE and its like) a listener pauses for a moment instead of spinning; connections wait
 * in the kernel's queue meanwhile. */
#pragma once

#include "connection.h"

struct listeners;

/* Opens all that `list` names (address_parse's form, separated by commas; none when empty) and logs where each listens.
 * Refuses an address beyond loopback unless `anywhere`. Errors: -EACCES for that, -EINVAL, the system's. */
MUST_USE int listeners_open(struct server *server, const char *list, const struct connection_dialect *dialect,
                            bool anywhere, struct listeners **listeners, struct error *error);
/* Where the first of them listens that has a port; 0: none has. */
uint16_t listeners_port(const struct listeners *listeners);
/* Takes no more connections. Freed by the loop, which must run once more. */
void listeners_close(struct listeners *listeners);

/* Checks the list without opening anything; errors as above, and -EINVAL when it is empty. */
MUST_USE int listeners_check(const char *list, bool anywhere, struct error *error);
/* advertised.listeners: nothing, or one HOST:PORT that a client could connect to. -EINVAL. */
MUST_USE int listeners_check_advertised(const char *list, struct error *error);
