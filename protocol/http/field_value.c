#include "http/field_value.h"

#include <strings.h>

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static slice without_blanks(slice text)
{
    while (text.size > 0 && is_blank(text.data[0]))
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Takes what stands before the first `mark` outside quoted strings, the mark too. */
static slice cut_at(slice *text, uint8_t mark)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < text->size && (quoted || text->data[i] != mark); i++) {
        if (text->data[i] == '"')
            quoted = !quoted;
        else if (quoted && text->data[i] == '\\' && i + 1 < text->size)
            i++;
    }
    slice before = slice_of(text->data, i);
    *text = i < text->size ? slice_of(text->data + i + 1, text->size - i - 1) : slice_of(text->data + i, 0);
    return without_blanks(before);
}

bool field_next_element(slice *list, slice *element)
{
    while (list->size > 0) {
        *element = cut_at(list, ',');
        if (element->size > 0)
            return true;
    }
    return false;
}

slice field_take_item(slice *element)
{
    return cut_at(element, ';');
}

bool field_is_token(slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
            return false;
    }
    return text.size > 0;
}

/* A whole quoted string, from its first quote to its last. */
static bool is_quoted_string(slice text)
{
    if (text.size < 2 || text.data[0] != '"')
        return false;
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] == '"')
            return i + 1 == text.size;
        if (text.data[i] == '\\')
            i++;
    }
    return false;
}

bool field_next_parameter(slice *parameters, slice *name, slice *value)
{
    slice rest = *parameters;
    while (rest.size > 0) {
        slice whole = cut_at(&rest, ';');
        if (whole.size == 0)
            continue;
        const uint8_t *equals = memchr(whole.data, '=', whole.size);
        if (equals == NULL)
            return false;
        *name = slice_of(whole.data, (size_t)(equals - whole.data));
        *value = slice_of(equals + 1, whole.size - name->size - 1);
        if (!field_is_token(*name) || (!field_is_token(*value) && !is_quoted_string(*value)))
            return false;
        if (value->data[0] == '"')
            *value = slice_of(value->data + 1, value->size - 2);
        *parameters = rest;
        return true;
    }
    *parameters = rest;
    return false;
}

bool field_equal(slice value, const char *text)
{
    size_t size = strlen(text);
    return value.size == size && (size == 0 || strncasecmp((const char *)value.data, text, size) == 0);
}

/* RFC 9110, section 12.4.2: 0 to 1 with at most three digits behind the point. */
static bool parse_quality(slice text, unsigned *quality)
{
    if (text.size == 0 || text.size > 5 || (text.data[0] != '0' && text.data[0] != '1'))
        return false;
    if (text.size > 1 && text.data[1] != '.')
        return false;
    unsigned thousandths = text.data[0] == '1' ? QUALITY_MAX : 0, unit = 100;
    for (size_t i = 2; i < text.size; i++, unit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        thousandths += (unsigned)(text.data[i] - '0') * unit;
    }
    *quality = thousandths;
    return thousandths <= QUALITY_MAX;
}

bool field_quality(slice parameters, unsigned *quality)
{
    slice name, value;
    *quality = QUALITY_MAX;
    while (field_next_parameter(&parameters, &name, &value)) {
        if (field_equal(name, "q"))
            return parse_quality(value, quality);
    }
    return parameters.size == 0;
}

/* What the field says of a coding by name, of all others with '*', or else `otherwise`. */
static unsigned coding_quality(slice accept_encoding, const char *coding, unsigned otherwise)
{
    slice element;
    unsigned others = otherwise, quality;
    while (field_next_element(&accept_encoding, &element)) {
        slice item = field_take_item(&element);
        if (!field_quality(element, &quality))
            continue;
        if (field_equal(item, coding))
            return quality;
        if (field_equal(item, "*"))
            others = quality;
    }
    return others;
}

int field_choose_coding(slice accept_encoding, const char *const *codings, int count)
{
    int chosen = -1;
    unsigned best = 0;
    for (int i = 0; i < count; i++) {
        unsigned quality = coding_quality(accept_encoding, codings[i], 0);
        if (quality > best) {
            best = quality;
            chosen = i;
        }
    }
    /* Identity is acceptable when nothing is said of it, but then not what the client asks for. */
    return coding_quality(accept_encoding, "identity", 0) > best ? -1 : chosen;
}
