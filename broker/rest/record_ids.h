/* The id of a server-sent event: where its reader stands, as kafka-sse has it, one element for each partition:
 *
 *     [{"topic":"t","partition":0,"offset":17},{"topic":"t","partition":1,"offset":-1}]
 *
 * Offsets are of the last record behind which the reader stands, so that who comes back with the id goes on with the
 * next ones. */
#pragma once

#include "rest/record_pass.h"

void record_ids_write(const struct record_part *parts, int32_t count, const int64_t *positions, writer *w);

struct json_document;

/* Called for each element; false ends the reading. */
typedef bool record_ids_take(void *context, slice topic, int32_t partition, int64_t offset);

/* False when the text is no such id, or `take` was not content. Topics live as long as the arena. */
bool record_ids_read(slice text, struct json_document *document, struct arena *arena, record_ids_take *take,
                     void *context);
