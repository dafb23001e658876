#include "kafka/changes.h"

#include <errno.h>

struct changes {
    struct kafka_request *request;
    void *response;
    void (*prepare)(struct kafka_request *request, void *response);
    unsigned open; /* changes under way, and one until changes_end */
};

struct change {
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

struct change *changes_add(struct changes *changes, int16_t *error_code, slice *error_message)
{
    struct change *change = arena_alloc(&changes->request->arena, sizeof *change);
    if (change == NULL) {
        *error_code = KAFKA_UNKNOWN_SERVER_ERROR;
        return NULL;
    }
    *change = (struct change){.changes = changes, .error_code = error_code, .error_message = error_message};
    changes->open++;
    return change;
}

void changes_end(struct changes *changes)
{
    if (--changes->open != 0)
        return;
    if (changes->prepare != NULL)
        changes->prepare(changes->request, changes->response);
    kafka_answer(changes->request, changes->response);
}

int16_t change_error_code(int status)
{
    switch (status) {
    case 0:
        return KAFKA_NONE;
    case -EEXIST:
        return KAFKA_TOPIC_ALREADY_EXISTS;
    case -ENOENT:
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    case -EINVAL:
        return KAFKA_INVALID_PARTITIONS;
    case -EBUSY:
        return KAFKA_REQUEST_TIMED_OUT;
    case -EDQUOT:
        return KAFKA_POLICY_VIOLATION;
    default:
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
}

slice change_message(struct kafka_request *request, const struct error *error)
{
    return arena_copy(&request->arena, slice_of_text(error->message));
}

void change_done(void *context, int status, const struct error *error)
{
    struct change *change = context;
    struct changes *changes = change->changes;
    if (status != 0) {
        *change->error_code = change_error_code(status);
        if (change->error_message != NULL)
            *change->error_message = change_message(changes->request, error);
    }
    changes_end(changes);
}
