/* What is advertised and not served: librdkafka turns features off unless it sees these APIs in these versions
 * (rdkafka_feature.c), so they are answered, as Kafka does on a listener without SASL. */
#include "kafka/request.h"

void answer_unavailable_sasl_handshake(struct kafka_request *request)
{
    kafka_answer(request, &(struct sasl_handshake_response){.error_code = KAFKA_ILLEGAL_SASL_STATE});
}

void answer_unavailable_sasl_authenticate(struct kafka_request *request)
{
    struct sasl_authenticate_response response = SASL_AUTHENTICATE_RESPONSE_DEFAULTS;
    response.error_code = KAFKA_ILLEGAL_SASL_STATE;
    response.error_message = slice_of_text("this listener asks nobody who they are");
    kafka_answer(request, &response);
}
