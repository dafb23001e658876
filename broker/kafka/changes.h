/* Changes of the metadata log made for one request: the request is answered when the last of them has ended.
 *
 *     struct changes *changes = changes_begin(request, response);
 *     …for each: metadata_log_…(…, change_done, changes_add(changes, &item->error_code, &item->error_message));
 *     changes_end(changes);
 *
 * Everything lives in the request's arena. */
#pragma once

#include "kafka/request.h"
#include "metadata_log.h"

struct changes;
struct change;

/* NULL when out of memory: the request has been closed. `response` is encoded when the last change has ended; prepare
 * (may be NULL) is called before that, to fill in what only holds then. */
MUST_USE struct changes *changes_begin(struct kafka_request *request, void *response,
                                       void (*prepare)(struct kafka_request *request, void *response));
/* Where the outcome of one change goes; error_message may be NULL. */
MUST_USE struct change *changes_add(struct changes *changes, int16_t *error_code, slice *error_message);
/* No more are added. */
void changes_end(struct changes *changes);

/* A metadata_done; its context is the struct change. */
void change_done(void *context, int status, const struct error *error);

/* Kafka's code for a failed change of the metadata log. */
int16_t change_error_code(int status);

/* A copy of the error's words in the request's arena. */
slice change_message(struct kafka_request *request, const struct error *error);
