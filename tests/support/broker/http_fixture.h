/* HTTP over socket pairs: a server fixture with routes of the test's own, and what its peers say and hear. */
#pragma once

#include "http/routes.h"
#include "http/session.h"
#include "server_fixture.h"

/* apis: NULL at the end. settings as of server_fixture_open. */
void http_fixture_open(struct server_fixture *f, const struct http_api *const *apis, const char *const *settings);
/* Checks that all memory came back. */
void http_fixture_close(struct server_fixture *f);

int http_fixture_connect(struct server_fixture *f);
void http_fixture_say(struct server_fixture *f, int peer, const char *text);
void http_fixture_say_bytes(struct server_fixture *f, int peer, slice bytes);
/* All there is, the dates taken out, '?' for NUL bytes; "<end>" at the end of the peer's bytes. Until the next call. */
const char *http_fixture_hear(int peer);
/* The same as bytes, dates and all. */
slice http_fixture_hear_bytes(int peer);
void http_fixture_check_hears(int peer, const char *expected);
bool http_fixture_hears_status(int peer, int status);
