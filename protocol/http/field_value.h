/* Values of HTTP's fields (RFC 9110, section 5.6): lists, tokens, quoted strings, parameters, qualities.
 *
 * Borrowed slices; nothing is allocated. Blanks around what is returned are left out. */
#pragma once

#include "slice.h"

/* Takes the next element off a list: commas within quoted strings divide nothing, empty elements are passed over. False
 * at the end. */
bool field_next_element(slice *list, slice *element);

/* Takes what stands before the first ';' of an element, and leaves its parameters. */
slice field_take_item(slice *element);

/* Takes the next parameter, "name=value" behind a ';'. A quoted value is returned without its quotes, its escapes as
 * they are. False at the end, and at what is no parameter (*parameters then does not get empty). */
bool field_next_parameter(slice *parameters, slice *name, slice *value);

/* RFC 9110, section 5.6.2; not empty. */
bool field_is_token(slice text);

/* Letters of ASCII in either case. */
bool field_equal(slice value, const char *text);

#define QUALITY_MAX 1000

/* Of the parameter q among an element's, in thousandths: 1000 without one. False when it is wrongly written. */
bool field_quality(slice parameters, unsigned *quality);

/* Which of the `count` codings (Accept-Encoding's, in the order in which the server likes them) the field prefers; -1
 * for none of them, that is "identity", also without the field (null), and where identity has the higher quality. */
int field_choose_coding(slice accept_encoding, const char *const *codings, int count);
