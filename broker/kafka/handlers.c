#include "kafka/request.h"

kafka_handler *kafka_find_handler(int16_t api_key)
{
    switch (api_key) {
#define X(key, function)                                                                                               \
    case API_##key:                                                                                                    \
        return function;
        KAFKA_HANDLERS(X)
        KAFKA_UNAVAILABLE_HANDLERS(X)
#undef X
    default:
        return NULL;
    }
}

bool kafka_api_is_served(int16_t api_key)
{
    switch (api_key) {
#define X(key, function)                                                                                               \
    case API_##key:                                                                                                    \
        return true;
        KAFKA_HANDLERS(X)
#undef X
    default:
        return false;
    }
}
