/* The routes by which records are written. */
#pragma once

#include "http/routes.h"

extern const struct http_api produce_v2_api;    /* REST Proxy v2: produce_v2.c */
extern const struct http_api produce_v3_api;    /* REST v3: produce_v3.c */
extern const struct http_api produce_plain_api; /* for curl: produce_plain.c */
