/* ListGroups (key 16), with filters by state (KIP-518) and type (KIP-848), whatever their case. */
#include "kafka/request.h"
#include "operations/groups.h"

#include <strings.h>

struct listing {
    struct kafka_request *request;
    struct list_groups_response response;
    int32_t room;
};

/* An empty filter lets all pass. */
static bool passes(const struct string_array *filter, const char *text)
{
    size_t size = strlen(text);
    for (int32_t i = 0; i < filter->count; i++) {
        if (filter->items[i].size == size && strncasecmp((const char *)filter->items[i].data, text, size) == 0)
            return true;
    }
    return filter->count <= 0;
}

static int count_one(void *context, const struct group *group)
{
    (void)group;
    ((struct listing *)context)->room++;
    return 0;
}

static int add_one(void *context, const struct group *group)
{
    struct listing *listing = context;
    const struct list_groups_request *asked = listing->request->message;
    const char *state = group_state_text(group);
    slice type = group_protocol_type(group);
    if (!passes(&asked->states_filter, state) || !passes(&asked->types_filter, group_type_text(group)))
        return 0;
    listing->response.groups.items[listing->response.groups.count++] = (struct list_groups_response_group){
        .group_id = group_id(group),
        .protocol_type = slice_is_null(type) ? slice_of_text("") : type,
        .group_state = slice_of_text(state),
        .group_type = slice_of_text(group_type_text(group)),
    };
    return 0;
}

void handle_list_groups(struct kafka_request *request)
{
    struct group_coordinator *coordinator = group_service_coordinator(request->server->groups);
    struct listing listing = {.request = request};
    if (!group_coordinator_available(coordinator))
        listing.response.error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    int rc = group_coordinator_list(coordinator, count_one, &listing);
    listing.response.groups.items =
        arena_alloc(&request->arena, (size_t)listing.room * sizeof *listing.response.groups.items);
    if (rc != 0 || listing.response.groups.items == NULL ||
        group_coordinator_list(coordinator, add_one, &listing) != 0) {
        kafka_close(request, "out of memory");
        return;
    }
    kafka_answer(request, &listing.response);
}
