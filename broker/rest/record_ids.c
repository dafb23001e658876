#include "rest/record_ids.h"

#include "json.h"

void record_ids_write(const struct record_part *parts, int32_t count, const int64_t *positions, writer *w)
{
    struct json json = json_to(w);
    json_begin_array(&json);
    for (int32_t i = 0; i < count; i++) {
        if (positions[i] == RECORD_PART_GONE)
            continue;
        json_begin_object(&json);
        json_key(&json, "topic");
        json_string(&json, parts[i].topic);
        json_key(&json, "partition");
        json_int(&json, parts[i].partition);
        json_key(&json, "offset");
        json_int(&json, positions[i] - 1);
        json_end_object(&json);
    }
    json_end_array(&json);
}

static bool take_element(const struct json_value *element, struct arena *arena, record_ids_take *take, void *context)
{
    const struct json_value *topic = json_value_member(element, "topic");
    const struct json_value *partition = json_value_member(element, "partition");
    const struct json_value *offset = json_value_member(element, "offset");
    int64_t index, last;
    if (topic == NULL || partition == NULL || offset == NULL || !json_value_int64(partition, &index) ||
        !json_value_int64(offset, &last) || index < 0 || index > INT32_MAX || last < -1 || last == INT64_MAX)
        return false;
    slice name = json_value_string(topic, arena);
    return !slice_is_null(name) && take(context, name, (int32_t)index, last);
}

bool record_ids_read(slice text, struct json_document *document, struct arena *arena, record_ids_take *take,
                     void *context)
{
    if (json_parse(document, text, NULL) != 0 || document->values[0].kind != JSON_ARRAY)
        return false;
    const struct json_value *element = document->values + 1;
    for (uint32_t i = 0; i < document->values[0].count; i++, element = json_value_after(element)) {
        if (!take_element(element, arena, take, context))
            return false;
    }
    return true;
}
