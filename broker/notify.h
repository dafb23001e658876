/* systemd's sd_notify: one datagram to the socket that NOTIFY_SOCKET names. Nothing without it. */
#pragma once

/* state: "READY=1", "STOPPING=1" */
void notify_supervisor(const char *state);
