/* Where clients of Kafka's protocol are told to connect. */
#pragma once

#include "config.h"
#include "connection.h"

#define ADVERTISED_HOST_MAX 256

/* The first of advertised.listeners. False: nothing is set. host is NUL-terminated. */
bool advertised_listener(const struct config *config, char host[ADVERTISED_HOST_MAX], uint16_t *port);
/* The address that a client has connected to; "localhost" and 0 when that is not known (NULL: it has gone). */
void advertised_by_connection(const struct connection *connection, char host[ADVERTISED_HOST_MAX], uint16_t *port);
