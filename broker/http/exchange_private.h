/* What session.c and exchange.c share. Each call that may answer may free the exchange. */
#pragma once

#include "http/exchange.h"

/* Finds the route. False: it has been answered. */
MUST_USE bool http_exchange_begin(struct http_exchange *exchange);
/* What its body may take. */
size_t http_exchange_body_bytes(const struct http_exchange *exchange);
/* The body may come. */
void http_exchange_expect_body(struct http_exchange *exchange);
void http_exchange_take_body(struct http_exchange *exchange, slice bytes);
/* It is whole. */
void http_exchange_handle(struct http_exchange *exchange);

/* Counts bytes that are held already. */
void http_exchange_charge(struct http_exchange *exchange, size_t bytes);
/* The connection goes. */
void http_exchange_orphan(struct http_exchange *exchange);
/* Of whatever state; answers nothing. */
void http_exchange_free(struct http_exchange *exchange);
