/* A frame as it comes from a connection, without its length: header and request of any API. */
#include "kafka/api.h"
#include "round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pass pass;
    struct request_header header;
    reader r = reader_of(slice_of(data, size));
    pass_open(&pass);
    if (kafka_decode_request_header(&r, &header, &pass.arena) == 0) {
        const struct kafka_api *api = kafka_api_find(header.request_api_key);
        slice body = read_bytes(&r, reader_left(&r));
        require(kafka_encode_request_header(&header, &pass.w) == 0);
        round_trip(api->request, header.request_api_version, body);
    }
    pass_close(&pass);
    return 0;
}
