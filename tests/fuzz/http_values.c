/* Any bytes as what HTTP's routes are chosen by: targets, lists with qualities, media types, times, base64. The first
 * byte chooses. */
#include "base64.h"
#include "http/field_value.h"
#include "http/media_type.h"
#include "http/uri.h"
#include "time_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* In a block of its own, so that a read past the end is seen; decoded in place. */
static void check_decoding(slice text, enum uri_part part)
{
    if (text.size == 0)
        return;
    uint8_t *place = malloc(text.size);
    require(place != NULL);
    memcpy(place, text.data, text.size);
    size_t size;
    if (uri_decode(slice_of(place, text.size), part, place, &size))
        require(size <= text.size && uri_equal(text, part, slice_of(place, size)));
    free(place);
}

static void check_target(slice text)
{
    struct uri uri;
    slice segment;
    struct uri_parameter parameter;
    check_decoding(text, URI_QUERY);
    if (!uri_parse(text, &uri))
        return;
    while (uri.path.size > 0 && uri.path.data[0] == '/' && uri_next_segment(&uri.path, &segment))
        check_decoding(segment, URI_SEGMENT);
    while (uri_next_parameter(&uri.query, &parameter)) {
        check_decoding(parameter.name, URI_QUERY);
        check_decoding(parameter.value, URI_QUERY);
    }
}

static void check_fields(slice text)
{
    static const char *const codings[] = {"zstd", "gzip"};
    static const char *const offers[] = {"application/json", "text/event-stream",
                                         "application/vnd.kafka.binary.v2+json"};
    struct media_type media;
    struct kafka_media_type kafka;
    slice list = text, element, name, value;
    while (field_next_element(&list, &element)) {
        require(element.size > 0);
        (void)field_take_item(&element);
        while (field_next_parameter(&element, &name, &value))
            require(field_is_token(name));
    }
    require(field_choose_coding(text, codings, 2) < 2);
    require(media_type_choose(text, offers, 3) < 3);
    if (media_type_parse(text, &media) && media_type_kafka(&media, &kafka))
        require(kafka.version <= 9 && kafka.format.size < media.subtype.size);
}

static void check_times(slice text)
{
    int64_t moment, again, milliseconds;
    char printed[TIME_TEXT_SIZE];
    if (time_parse_duration(text, &milliseconds))
        require(milliseconds >= 0);
    if (time_parse(text, &moment) && time_print(moment, printed))
        require(time_parse(slice_of_text(printed), &again) && again == moment);
}

static void check_base64(slice text)
{
    size_t size;
    uint8_t *bytes = malloc(base64_decoded_max(text.size) + 1), *again = malloc(text.size + 1);
    require(bytes != NULL && again != NULL);
    if (base64_decode(text, bytes, &size)) {
        require(base64_size(size) == text.size);
        base64_print(slice_of(bytes, size), again);
        require(slice_equal(slice_of(again, text.size), text));
    }
    free(again);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(slice) = {check_target, check_fields, check_times, check_base64};
    if (size > 0)
        checks[data[0] & 3](slice_of(data + 1, size - 1));
    return 0;
}
