/* Bytes to work on: made up, but always the same. */
#pragma once

#include "slice.h"
#include "writer.h"

#include <stdint.h>

enum sample_kind {
    SAMPLE_RANDOM,     /* nothing repeats */
    SAMPLE_TEXT,       /* words of a small vocabulary */
    SAMPLE_REPETITIVE, /* runs and short periods */
    SAMPLE_KINDS
};

void sample_fill(enum sample_kind kind, uint32_t seed, uint8_t *bytes, size_t size);

/* The next number of a sequence (an LCG's upper bits); any state to start with. */
uint32_t sample_next(uint32_t *state);

/* A file of tests/protocol/vectors, read to the end of the writer; false when it cannot be. */
bool vector_read(writer *w, const char *name);

/* The bytes of an even number of lower-case hex digits, at most `room`. */
size_t vector_unhex(slice digits, uint8_t *to, size_t room);
