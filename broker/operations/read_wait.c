/* Waiting for records.
 *
 * A waiting request stands on the list of each of its partitions and on the service's list by deadline. An append adds
 * its bytes to what the request has found, no more than the partition's limit; at min_bytes the request reads anew and
 * is done. For one that reads what is committed, they count when the last stable offset moves. Requests mostly ask for
 * the same time, so a new deadline finds its place from the end of the list. */
#include "container.h"
#include "operations/read_private.h"

static void link_waiter(struct read_part *part, struct read_request *request)
{
    struct read_waiter *waiter = &part->waiter;
    waiter->request = request;
    waiter->next = part->partition->waiters;
    waiter->link = &part->partition->waiters;
    if (waiter->next != NULL)
        waiter->next->link = &waiter->next;
    part->partition->waiters = waiter;
}

static void unlink_waiter(struct read_waiter *waiter)
{
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    waiter->link = NULL;
}

static void insert_by_deadline(struct read_service *service, struct read_request *request)
{
    struct read_request *before = service->waiting_last;
    while (before != NULL && before->deadline > request->deadline)
        before = before->previous;
    request->previous = before;
    request->next = before != NULL ? before->next : service->waiting;
    *(request->next != NULL ? &request->next->previous : &service->waiting_last) = request;
    *(before != NULL ? &before->next : &service->waiting) = request;
}

static void remove_by_deadline(struct read_service *service, struct read_request *request)
{
    *(request->next != NULL ? &request->next->previous : &service->waiting_last) = request->previous;
    *(request->previous != NULL ? &request->previous->next : &service->waiting) = request->next;
}

static void set_timer(struct read_service *service)
{
    uint64_t now = uv_now(service->operations->loop);
    uint64_t deadline = service->waiting->deadline;
    uv_timer_start(&service->timer, read_on_timer, deadline > now ? deadline - now : 0, 0);
}

void read_wait_begin(struct read_request *request)
{
    for (int32_t i = 0; i < request->part_count; i++) {
        if (request->parts[i].partition != NULL)
            link_waiter(&request->parts[i], request);
    }
    request->state = READ_WAITING;
    insert_by_deadline(request->service, request);
    if (request->service->waiting == request || !uv_is_active((uv_handle_t *)&request->service->timer))
        set_timer(request->service);
}

void read_wait_end(struct read_request *request)
{
    for (int32_t i = 0; i < request->part_count; i++) {
        if (request->parts[i].partition != NULL)
            unlink_waiter(&request->parts[i].waiter);
    }
    remove_by_deadline(request->service, request);
    request->is_last_round = true;
    read_queue(request);
}

void read_on_timer(uv_timer_t *timer)
{
    struct read_service *service = CONTAINER_OF(timer, struct read_service, timer);
    uint64_t now = uv_now(service->operations->loop);
    while (service->waiting != NULL && service->waiting->deadline <= now)
        read_wait_end(service->waiting);
    if (service->waiting != NULL)
        set_timer(service);
}

void read_service_end_waits(struct read_service *service)
{
    while (service->waiting != NULL)
        read_wait_end(service->waiting);
}

/* A request may stand on the list several times: the next waiter to look at must not be one of its own. */
void read_note_append(struct read_service *service, struct partition *partition, size_t bytes)
{
    (void)service;
    for (struct read_waiter *waiter = partition->waiters, *next; waiter != NULL; waiter = next) {
        next = waiter->next;
        struct read_request *request = waiter->request;
        struct read_part *part = CONTAINER_OF(waiter, struct read_part, waiter);
        part->unstable += bytes;
        if (request->committed && log_stable_end_offset(partition->log) == part->end_offset)
            continue;
        size_t stable = part->unstable;
        part->unstable = 0;
        uint32_t limit = part->max_bytes > 0 ? (uint32_t)part->max_bytes : 0;
        uint32_t added = limit - part->counted < stable ? limit - part->counted : (uint32_t)stable;
        part->counted += added;
        request->counted += added;
        if (request->counted < (uint64_t)request->min_bytes)
            continue;
        while (next != NULL && next->request == request)
            next = next->next;
        read_wait_end(request);
    }
}

void read_wake(struct read_service *service, struct partition *partition)
{
    (void)service;
    while (partition->waiters != NULL)
        read_wait_end(partition->waiters->request);
}
