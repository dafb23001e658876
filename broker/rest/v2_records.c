/* GET …/records. */
#include "rest/consumer_fetch.h"
#include "rest/v2.h"
#include "server.h"

/* A type that names no format asks for that of the instance. */
void v2_read_records(struct http_exchange *exchange)
{
    static const char *const types[] = {[CONSUMER_BINARY] = "application/vnd.kafka.binary.v2+json",
                                        [CONSUMER_JSON] = "application/vnd.kafka.json.v2+json"};
    struct consumer_instance *instance = v2_find_instance(exchange);
    const char *type = instance != NULL ? v2_answer_type(exchange) : NULL;
    if (type == NULL)
        return;
    enum consumer_format format = instance->settings.format;
    bool is_of_schema =
        strstr(type, "avro") != NULL || strstr(type, "jsonschema") != NULL || strstr(type, "protobuf") != NULL;
    if ((v2_type_format(type, &format) && format != instance->settings.format) || is_of_schema) {
        http_reply_error(exchange, V2_WRONG_FORMAT,
                         "The requested embedded data format does not match the deserializer for this consumer "
                         "instance");
        return;
    }
    int64_t timeout = http_parameter_number(exchange, "timeout", -1);
    int64_t most = config_number(exchange->server->config, CONFIG_CONSUMER_REQUEST_MAX_BYTES);
    int64_t max_bytes = http_parameter_number(exchange, "max_bytes", -1);
    if (max_bytes <= 0 || max_bytes > most)
        max_bytes = most;
    bool is_plain = strcmp(type, "application/json") == 0;
    consumer_fetch_start(exchange, instance, timeout > 0 ? timeout : instance->settings.timeout_ms, max_bytes,
                         is_plain ? type : types[format]);
}
