/* DescribeAcls, CreateAcls, DeleteAcls (keys 29 to 31): nobody is authorised here, so there are no rules. */
#include "kafka/request.h"

#define WORDS "No Authorizer is configured."

void handle_describe_acls(struct kafka_request *request)
{
    struct describe_acls_response response = {.error_code = KAFKA_SECURITY_DISABLED,
                                              .error_message = slice_of_text(WORDS)};
    kafka_answer(request, &response);
}

void handle_create_acls(struct kafka_request *request)
{
    const struct create_acls_request *asked = request->message;
    struct create_acls_response response = {.throttle_time_ms = 0};
    size_t count = asked->creations.count > 0 ? (size_t)asked->creations.count : 0;
    response.results.items = arena_alloc(&request->arena, count * sizeof *response.results.items);
    if (response.results.items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++)
        response.results.items[response.results.count++] = (struct create_acls_response_result){
            .error_code = KAFKA_SECURITY_DISABLED, .error_message = slice_of_text(WORDS)};
    kafka_answer(request, &response);
}

void handle_delete_acls(struct kafka_request *request)
{
    const struct delete_acls_request *asked = request->message;
    struct delete_acls_response response = {.throttle_time_ms = 0};
    size_t count = asked->filters.count > 0 ? (size_t)asked->filters.count : 0;
    response.filter_results.items = arena_alloc(&request->arena, count * sizeof *response.filter_results.items);
    if (response.filter_results.items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++)
        response.filter_results.items[response.filter_results.count++] = (struct delete_acls_response_result){
            .error_code = KAFKA_SECURITY_DISABLED, .error_message = slice_of_text(WORDS)};
    kafka_answer(request, &response);
}
