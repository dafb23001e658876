/* Sockets of the benchmark's programs, all on 127.0.0.1 and with TCP_NODELAY. Failures end the program, unless said
 * otherwise. */
#pragma once

#include "slice.h"

#include <stdint.h>

/* What furrowd gives its sockets (a send buffer left to grow doubles what sendfile costs). */
#define SOCKET_SEND_BUFFER (100 << 10)

/* Negative errno when nobody listens. */
int client_try_connect(uint16_t port);
int client_connect(uint16_t port);

/* Sends one frame and takes its answer, without the length, into `answer`; bytes of it, or a negative errno. Blocking
 * sockets only. */
int64_t client_exchange(int fd, slice frame, uint8_t *answer, size_t capacity);
/* The two halves of it. */
int client_send(int fd, slice frame);
int64_t client_take(int fd, uint8_t *answer, size_t capacity);

void client_set_nonblocking(int fd);
void client_set_blocking(int fd);

/* Listens on the port. */
int client_listen(uint16_t port);
/* Settings of an accepted socket. */
void client_tune_accepted(int fd);
