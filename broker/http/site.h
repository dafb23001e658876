/* What is served to anyone who looks after the server: health, metrics, version, and the list of all routes. */
#pragma once

#include "http/routes.h"

/* All APIs, NULL at the end. */
extern const struct http_api *const http_apis[];

/* metrics.c: Prometheus' text format, version 0.0.4. */
void metrics_write(struct server *server, writer *w);
