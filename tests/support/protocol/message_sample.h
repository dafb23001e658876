/* A value of any message type, made from its tables: every field set, one or two items in each array, an unknown tagged
 * field in each struct. The same seed gives the same value. */
#pragma once

#include "kafka/codec.h"

/* NULL when the arena refuses. */
void *message_sample(const struct message_type *type, uint32_t seed, struct arena *arena);

/* Bytes that a value of the type takes. */
size_t message_struct_size(const struct message_type *type);
