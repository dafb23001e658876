/* Changes made for one request (operations/change.h): the request is answered when the last of them has ended.
 *
 *     struct changes *changes = changes_begin(request, response);
 *     …for each: call = changes_add(changes, &item->error_code, &item->error_message);
 *                if (call != NULL) alter_resource(…, call);
 *     changes_end(changes);
 *
 * Everything lives in the request's arena. */
#pragma once

#include "kafka/request.h"
#include "operations/change.h"

struct changes;

/* NULL when out of memory: the request has been closed. `response` is encoded when the last change has ended; prepare
 * (may be NULL) is called before that, to fill in what only holds then. */
MUST_USE struct changes *changes_begin(struct kafka_request *request, void *response,
                                       void (*prepare)(struct kafka_request *request, void *response));
/* Where the outcome of one change goes; error_message may be NULL. NULL without memory: the code says so. */
MUST_USE struct change_call *changes_add(struct changes *changes, int16_t *error_code, slice *error_message);
/* No more are added. */
void changes_end(struct changes *changes);

/* A copy of the error's words in the request's arena. */
slice change_message(struct kafka_request *request, const struct error *error);
