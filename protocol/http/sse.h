/* Server-sent events (WHATWG HTML, section 9.2): text/event-stream, one event or comment after the other. */
#pragma once

#include "writer.h"

/* An event; `name` and `id` may be null (then none is written), and must not hold a line's end; the id no NUL either.
 * Each line of the data gets a field of its own, so an event's data may be any text; a null one gives an event without
 * data, which only moves the client's last event id. */
void sse_write_event(writer *w, slice name, slice id, slice data);

/* What clients pass over: keeps proxies from closing a quiet stream. */
void sse_write_comment(writer *w, const char *text);

/* How long the client waits before it connects again. */
void sse_write_retry(writer *w, uint32_t milliseconds);
