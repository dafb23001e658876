/* Routes that read records. */
#pragma once

#include "http/routes.h"

extern const struct http_api read_v3_api;    /* under REST v3's clusters */
extern const struct http_api read_plain_api; /* short ones, for curl */
