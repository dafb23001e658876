/* What the operator says of one group: its own settings (the GROUP resource of IncrementalAlterConfigs) over the
 * broker's. They may differ from one call to the next. */
#pragma once

#include <stdint.h>

struct group_settings {
    /* of the consumer protocol (KIP-848); ms, at least 1, the interval below the timeout */
    int32_t consumer_session_timeout_ms;
    int32_t consumer_heartbeat_interval_ms;
    int32_t consumer_assignment_interval_ms; /* 0: at once */
};
