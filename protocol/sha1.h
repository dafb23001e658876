/* SHA-1 (FIPS 180-4). WebSocket's handshake asks for it and for nothing secret: it only shows that the server knows the
 * protocol. For anything that needs a hash to hold, this is the wrong one. */
#pragma once

#include "slice.h"

#define SHA1_SIZE 20

void sha1(slice message, uint8_t digest[SHA1_SIZE]);
