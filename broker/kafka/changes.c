#include "kafka/changes.h"

#include "container.h"

struct changes {
    struct kafka_request *request;
    void *response;
    void (*prepare)(struct kafka_request *request, void *response);
    unsigned open; /* changes under way, and one until changes_end */
};

struct change {
    struct change_call call;
    struct changes *changes;
    int16_t *error_code;
    slice *error_message;
};

struct changes *changes_begin(struct kafka_request *request, void *response,
                              void (*prepare)(struct kafka_request *request, void *response))
{
    struct changes *changes = arena_alloc(&request->arena, sizeof *changes);
    if (changes == NULL) {
        kafka_close(request, "out of memory");
        return NULL;
    }
    *changes = (struct changes){.request = request, .response = response, .prepare = prepare, .open = 1};
    return changes;
}

void changes_end(struct changes *changes)
{
    if (--changes->open != 0)
        return;
    if (changes->prepare != NULL)
        changes->prepare(changes->request, changes->response);
    kafka_answer(changes->request, changes->response);
}

slice change_message(struct kafka_request *request, const struct error *error)
{
    return arena_copy(&request->arena, slice_of_text(error->message));
}

static void take_outcome(struct change_call *call, int16_t code, const struct error *error)
{
    struct change *change = CONTAINER_OF(call, struct change, call);
    struct changes *changes = change->changes;
    *change->error_code = code;
    if (code != KAFKA_NONE && error != NULL && change->error_message != NULL)
        *change->error_message = change_message(changes->request, error);
    changes_end(changes);
}

struct change_call *changes_add(struct changes *changes, int16_t *error_code, slice *error_message)
{
    struct change *change = arena_alloc(&changes->request->arena, sizeof *change);
    if (change == NULL) {
        *error_code = KAFKA_UNKNOWN_SERVER_ERROR;
        return NULL;
    }
    *change = (struct change){
        .call = {.done = take_outcome}, .changes = changes, .error_code = error_code, .error_message = error_message};
    changes->open++;
    return &change->call;
}
