#include "kafka/api.h"

const struct kafka_api *kafka_api_find(int16_t key)
{
    for (size_t low = 0, high = kafka_api_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (kafka_apis[middle].request->key == key)
            return &kafka_apis[middle];
        if (kafka_apis[middle].request->key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int16_t request_header_version(const struct kafka_api *api, int16_t version)
{
    return version >= api->request->flexible_version ? 2 : 1;
}

static int16_t response_header_version(const struct kafka_api *api, int16_t version)
{
    return version >= api->response->flexible_version && api->response->key != API_API_VERSIONS ? 1 : 0;
}

int kafka_decode_request_header(reader *r, struct request_header *header, struct arena *arena)
{
    reader fixed = *r;
    *header = REQUEST_HEADER_DEFAULTS;
    header->request_api_key = read_i16(&fixed);
    header->request_api_version = read_i16(&fixed);
    header->correlation_id = read_i32(&fixed);
    if (!reader_ok(&fixed))
        return FURROW_MALFORMED;
    const struct kafka_api *api = kafka_api_find(header->request_api_key);
    if (api == NULL || !kafka_api_has(api, header->request_api_version)) {
        *r = fixed;
        return FURROW_UNSUPPORTED;
    }
    int16_t version = request_header_version(api, header->request_api_version);
    return kafka_decode(&request_header_type, version, r, header, arena);
}

int kafka_encode_request_header(const struct request_header *header, writer *w)
{
    const struct kafka_api *api = kafka_api_find(header->request_api_key);
    if (api == NULL)
        return FURROW_UNSUPPORTED;
    int16_t version = request_header_version(api, header->request_api_version);
    return kafka_encode(&request_header_type, version, header, w);
}

void kafka_encode_response_header(const struct kafka_api *api, int16_t version, int32_t correlation_id, writer *w)
{
    write_i32(w, correlation_id);
    if (response_header_version(api, version) == 1)
        write_u8(w, 0); /* no tagged fields */
}

int kafka_decode_response_header(const struct kafka_api *api, int16_t version, reader *r, int32_t *correlation_id,
                                 struct arena *arena)
{
    struct response_header header;
    int rc = kafka_decode(&response_header_type, response_header_version(api, version), r, &header, arena);
    if (rc == 0)
        *correlation_id = header.correlation_id;
    return rc;
}
