/* A health check: does a server answer ApiVersions at the first address of `list` (the key "listeners")? */
#pragma once

#include "status.h"

/* At most about 3 s. Errors: the system's, -EPROTO for an answer that is none. */
MUST_USE int probe_listener(const char *list, struct error *error);
