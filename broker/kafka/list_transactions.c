/* ListTransactions (key 66, KIP-664), with filters by state, producer id, age of the transaction (KIP-994) and
 * transactional id (KIP-1152). */
#include "group/subscription_regex.h"
#include "kafka/request.h"
#include "operations/transactions.h"

#include <errno.h>
#include <stdlib.h>

/* States of Kafka that no transactional id has here for others to see. */
static const char *const unseen_states[] = {"Dead", "PrepareEpochFence"};

struct listing {
    struct kafka_request *request;
    struct list_transactions_response response;
    bool states[TRANSACTION_STATES]; /* that are asked for */
    struct int64_array producers;    /* likewise, in order */
    struct subscription_regex *pattern;
    int64_t now;
    int32_t room;
};

static bool is_unseen(slice name)
{
    return slice_equal(name, slice_of_text(unseen_states[0])) || slice_equal(name, slice_of_text(unseen_states[1]));
}

/* False without memory. */
static bool take_states(struct listing *listing, const struct string_array *names)
{
    size_t count = names->count > 0 ? (size_t)names->count : 0;
    struct string_array *unknown = &listing->response.unknown_state_filters;
    unknown->items = arena_alloc(&listing->request->arena, count * sizeof *unknown->items);
    if (unknown->items == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool is_known = is_unseen(names->items[i]);
        for (int state = 0; state < TRANSACTION_STATES; state++) {
            if (slice_equal(names->items[i], slice_of_text(transaction_state_text((enum transaction_state)state))))
                is_known = listing->states[state] = true;
        }
        if (!is_known)
            unknown->items[unknown->count++] = names->items[i];
    }
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* False without memory. */
static bool take_producers(struct listing *listing, const struct int64_array *ids)
{
    size_t count = ids->count > 0 ? (size_t)ids->count : 0;
    listing->producers.items = arena_alloc(&listing->request->arena, count * sizeof *ids->items);
    if (listing->producers.items == NULL)
        return false;
    if (count != 0)
        memcpy(listing->producers.items, ids->items, count * sizeof *ids->items);
    listing->producers.count = (int32_t)count;
    qsort(listing->producers.items, count, sizeof *ids->items, compare_ids);
    return true;
}

static bool has_producer(const struct int64_array *ids, int64_t id)
{
    return ids->count == 0 || bsearch(&id, ids->items, (size_t)ids->count, sizeof id, compare_ids) != NULL;
}

static bool passes(const struct listing *listing, const struct transaction_values *values)
{
    const struct list_transactions_request *asked = listing->request->message;
    if (values->producer_epoch < 0 || !has_producer(&listing->producers, values->producer_id))
        return false;
    if (asked->state_filters.count > 0 && !listing->states[values->state])
        return false;
    return asked->duration_filter < 0 || listing->now - values->started_at > asked->duration_filter;
}

static int count_one(void *context, const struct transaction *transaction)
{
    struct listing *listing = context;
    listing->room += passes(listing, transaction_values(transaction));
    return 0;
}

static int add_one(void *context, const struct transaction *transaction)
{
    struct listing *listing = context;
    const struct transaction_values *values = transaction_values(transaction);
    struct error error;
    bool matches = true;
    int rc = 0;
    if (!passes(listing, values))
        return 0;
    if (listing->pattern != NULL)
        rc = subscription_regex_match(listing->pattern, transaction_id(transaction), &matches, &error);
    if (rc != 0 || !matches)
        return rc;
    listing->response.transaction_states.items[listing->response.transaction_states.count++] =
        (struct list_transactions_response_transaction){
            .transactional_id = transaction_id(transaction),
            .producer_id = values->producer_id,
            .transaction_state = slice_of_text(transaction_state_text(values->state)),
        };
    return 0;
}

static int list(struct listing *listing, slice pattern)
{
    const struct transaction_coordinator *coordinator =
        transaction_service_coordinator(listing->request->server->transactions);
    struct error error;
    int rc = pattern.size == 0
                 ? 0
                 : subscription_regex_compile(listing->request->server->memory, pattern, &listing->pattern, &error);
    if (rc != 0)
        return rc;
    rc = transaction_coordinator_list(coordinator, count_one, listing);
    listing->response.transaction_states.items = arena_alloc(
        &listing->request->arena, (size_t)listing->room * sizeof *listing->response.transaction_states.items);
    if (listing->response.transaction_states.items == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        rc = transaction_coordinator_list(coordinator, add_one, listing);
    if (listing->pattern != NULL)
        subscription_regex_close(listing->pattern);
    return rc;
}

void handle_list_transactions(struct kafka_request *request)
{
    const struct list_transactions_request *asked = request->message;
    struct listing listing = {.request = request, .now = server_now(request->server)};
    bool taken = take_states(&listing, &asked->state_filters) && take_producers(&listing, &asked->producer_id_filters);
    int rc = taken ? list(&listing, asked->transactional_id_pattern) : -ENOMEM;
    if (rc == -ENOMEM) {
        kafka_close(request, "out of memory");
        return;
    }
    if (rc != 0) {
        listing.response.error_code = KAFKA_INVALID_REGULAR_EXPRESSION;
        listing.response.transaction_states.count = 0;
    } else if (!transaction_coordinator_available(transaction_service_coordinator(request->server->transactions))) {
        listing.response.error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    }
    kafka_answer(request, &listing.response);
}
