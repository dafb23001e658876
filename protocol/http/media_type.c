#include "http/media_type.h"

#include "http/field_value.h"

#include <strings.h>

bool media_type_parse(slice text, struct media_type *media)
{
    slice name = field_take_item(&text);
    const uint8_t *slash = name.size > 0 ? memchr(name.data, '/', name.size) : NULL;
    if (slash == NULL)
        return false;
    media->type = slice_of(name.data, (size_t)(slash - name.data));
    media->subtype = slice_of(slash + 1, name.size - media->type.size - 1);
    media->parameters = text;
    return field_is_token(media->type) && field_is_token(media->subtype);
}

static struct media_type media_type_of(const char *name)
{
    const char *slash = strchr(name, '/');
    return (struct media_type){slice_of(name, (size_t)(slash - name)), slice_of_text(slash + 1), NULL_SLICE};
}

static bool same_name(slice a, slice b)
{
    return a.size == b.size && strncasecmp((const char *)a.data, (const char *)b.data, a.size) == 0;
}

bool media_type_is(const struct media_type *media, const char *name)
{
    struct media_type other = media_type_of(name);
    return same_name(media->type, other.type) && same_name(media->subtype, other.subtype);
}

static bool parameter_of(slice parameters, slice name, slice *value)
{
    slice found;
    while (field_next_parameter(&parameters, &found, value)) {
        if (same_name(found, name))
            return true;
    }
    return false;
}

/* How closely a range covers an offer: 0 not at all, 1 with any type, 2 with its type, 3 by name, and one more for each
 * parameter in front of q, all of which the offer must have. */
static unsigned specificity(const struct media_type *range, const struct media_type *offer)
{
    slice parameters = range->parameters, name, value, offered;
    if (field_equal(range->subtype, "*"))
        return field_equal(range->type, "*") ? 1 : same_name(range->type, offer->type) ? 2 : 0;
    if (!same_name(range->type, offer->type) || !same_name(range->subtype, offer->subtype))
        return 0;
    unsigned level = 3;
    for (; field_next_parameter(&parameters, &name, &value) && !field_equal(name, "q"); level++) {
        if (!parameter_of(offer->parameters, name, &offered) || !same_name(value, offered))
            return 0;
    }
    return level;
}

static unsigned quality_of(slice accept, const struct media_type *offer)
{
    slice element;
    unsigned closest = 0, result = 0;
    while (field_next_element(&accept, &element)) {
        struct media_type range;
        unsigned quality, level;
        if (!media_type_parse(element, &range) || !field_quality(range.parameters, &quality))
            continue;
        level = specificity(&range, offer);
        if (level > closest) {
            closest = level;
            result = quality;
        }
    }
    return result;
}

int media_type_choose(slice accept, const char *const *offers, int count)
{
    int chosen = -1;
    unsigned best = 0;
    if (accept.size == 0)
        return 0;
    for (int i = 0; i < count; i++) {
        struct media_type offer;
        if (!media_type_parse(slice_of_text(offers[i]), &offer))
            continue;
        unsigned quality = quality_of(accept, &offer);
        if (quality > best) {
            best = quality;
            chosen = i;
        }
    }
    return chosen;
}

/* Takes "v2" off the end of "json.v2". */
static unsigned take_version(slice *name)
{
    size_t size = name->size;
    if (size < 2 || (name->data[size - 2] | 0x20) != 'v' || name->data[size - 1] < '1' || name->data[size - 1] > '9')
        return 0;
    if (size > 2 && name->data[size - 3] != '.')
        return 0;
    name->size = size > 2 ? size - 3 : 0;
    return (unsigned)(name->data[size - 1] - '0');
}

bool media_type_kafka(const struct media_type *media, struct kafka_media_type *kafka)
{
    static const char prefix[] = "vnd.kafka", suffix[] = "+json";
    enum { PREFIX = sizeof prefix - 1, SUFFIX = sizeof suffix - 1 };
    slice name = media->subtype;
    if (!field_equal(media->type, "application") || name.size < PREFIX + SUFFIX)
        return false;
    slice end = slice_of(name.data + name.size - SUFFIX, SUFFIX);
    if (!field_equal(slice_of(name.data, PREFIX), prefix) || !field_equal(end, suffix))
        return false;
    name = slice_of(name.data + PREFIX, name.size - PREFIX - SUFFIX);
    if (name.size == 1 || (name.size > 0 && name.data[0] != '.'))
        return false;
    if (name.size > 0)
        name = slice_of(name.data + 1, name.size - 1);
    kafka->version = take_version(&name);
    kafka->format = name;
    return true;
}
