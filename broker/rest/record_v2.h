/* A record in REST Proxy v2's form:
 *
 *     {"topic":"t","key":"a2V5","value":"AQI=","partition":0,"offset":17}
 *
 * Key and value are base64 for a consumer of the binary format, the JSON that they are for one of json; null where the
 * record has none. Headers and timestamps are not told of: the form has no place for them. The first of an answer opens
 * the list, whose end is left to who sends it. */
#pragma once

#include "rest/record_pass.h"

struct record_v2 {
    bool is_json;
    size_t most;   /* bytes of keys and values; the first record is taken whatever it has */
    size_t filled; /* of them */
    int32_t taken;
    bool is_spoilt; /* of a consumer of json: the record at which it stopped is none */
};

/* A record_form hook (record_pass.h); `context` is a struct record_v2. */
enum record_verdict record_v2_write(void *context, struct json_document *document, const struct record_part *part,
                                    const struct record *record, writer *w);
