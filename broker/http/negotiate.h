/* What a client and its browser ask for beside the answer itself: compression (RFC 9110 12.5.3) and leave for pages of
 * other origins (CORS, as fetch.spec.whatwg.org has it). */
#pragma once

#include "compression.h"
#include "config.h"
#include "http/request.h"

/* The best of zstd and gzip that the client takes; CODEC_NONE: as it is. */
enum codec http_choose_coding(const struct http_request *request);
/* Texts that gain by it, of a size that gains and keeps the loop from other work only for a moment. */
bool http_is_worth_compressing(const char *type, size_t bytes);

/* Whether a page of the request's Origin may see the answer; then what stands in Access-Control-Allow-Origin. Null:
 * there is no Origin, or it may not. */
slice http_allowed_origin(const struct config *config, const struct http_request *request);
/* A browser asks before it sends what it means. */
bool http_is_preflight(const struct http_request *request);
/* False: a page that has no leave would change something. Browsers send some requests of any page without asking
 * before, only with its Origin; a server without authentication must not act on them. */
bool http_origin_is_harmless(const struct config *config, const struct http_request *request);
/* The same for what reads over a WebSocket, which browsers let any page open. */
bool http_origin_may_connect(const struct config *config, const struct http_request *request);
