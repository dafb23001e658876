/* Small text files, line by line: checkpoints and properties. All slices are borrowed from the text. */
#pragma once

#include "slice.h"

/* The next line without its end ("\n" or "\r\n"); false after the last. */
bool text_next_line(slice *rest, slice *line);
/* The next word between blanks; false when there is none. */
bool text_next_word(slice *rest, slice *word);
/* Without the blanks at both ends. */
slice text_trim(slice text);
/* "key=value" with blanks around both allowed; false for a line without '='. */
bool text_split_property(slice line, slice *key, slice *value);
/* Decimal digits and nothing else, at most `max`. */
bool text_parse_number(slice text, int64_t max, int64_t *number);
