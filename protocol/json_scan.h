/* The tokens of JSON that need more than a look: strings and numbers. Private to the reader (json_read.h). */
#pragma once

#include "slice.h"

/* Position of the quote that ends the string whose first character is at `at`; text.size when none does. */
size_t json_scan_string(slice text, size_t at, bool *has_escapes, const char **why);

/* Position behind the number at `at`, which is a digit or '-'; `at` when it is none. */
size_t json_scan_number(slice text, size_t at);

/* Undoes the escapes of a string that was scanned: at most as many bytes as it has. Returns the bytes written. */
size_t json_unescape(slice string, uint8_t *to);

/* Whether a string that was scanned says this, its escapes undone. */
bool json_escaped_equal(slice string, slice text);
