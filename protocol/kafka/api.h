/* The APIs that Furrow's tables hold, and the headers before their requests and responses (Kafka's
 * protocol guide).
 *
 * What is advertised and what has a handler is the broker's business, as is Produce's advertised minimum of 0. */
#pragma once

#include "kafka/messages.h"

struct kafka_api {
    const struct message_type *request; /* name, key and versions are those of the API */
    const struct message_type *response;
};

extern const struct kafka_api kafka_apis[]; /* by key, ascending */
extern const size_t kafka_api_count;

/* NULL for a key that is not in the tables. */
const struct kafka_api *kafka_api_find(int16_t key);

static inline bool kafka_api_has(const struct kafka_api *api, int16_t version)
{
    return api->request->first_version <= version && version <= api->request->last_version;
}

/* Reads a request's header. With an unknown key or version only key, version and correlation id are read, and the
 * result is FURROW_UNSUPPORTED: ApiVersions is answered even so, all others close the connection.
 * Errors else: FURROW_MALFORMED, -ENOMEM. */
MUST_USE int kafka_decode_request_header(reader *r, struct request_header *header, struct arena *arena);

/* For clients; the type and version must be in the tables. */
MUST_USE int kafka_encode_request_header(const struct request_header *header, writer *w);

/* Flexible where the response is, but never for ApiVersions: a client reads that one before it knows the server. */
void kafka_encode_response_header(const struct kafka_api *api, int16_t version, int32_t correlation_id, writer *w);
MUST_USE int kafka_decode_response_header(const struct kafka_api *api, int16_t version, reader *r,
                                          int32_t *correlation_id, struct arena *arena);
