#include "budget.h"

#include <errno.h>
#include <string.h>

#define SHARE       4 /* one address holds at most a quarter */
#define LITTLE      4 /* of the share */
#define ADDRESS_MAX 64

struct waiters {
    struct budget_account *first, *last;
    size_t count;
};

struct budget_peer {
    struct budget_peer *next;
    unsigned accounts;
    size_t held;
    struct waiters parked; /* for the peer's own share */
    size_t address_size;
    uint8_t address[ADDRESS_MAX];
};

#define PEER_BUCKETS 64

struct budget {
    struct memory *memory;
    size_t limit;
    size_t used;
    struct waiters waiting; /* for the whole, in order of arrival */
    size_t waiting_count;   /* parked ones included */
    bool granting;
    struct budget_peer *peers[PEER_BUCKETS];
};

/* ---- lists ---- */

static void append(struct waiters *list, struct budget_account *account)
{
    account->next = NULL;
    account->previous = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = account;
    list->last = account;
    list->count++;
}

static void take_out(struct waiters *list, struct budget_account *account)
{
    *(account->previous != NULL ? &account->previous->next : &list->first) = account->next;
    *(account->next != NULL ? &account->next->previous : &list->last) = account->previous;
    account->next = account->previous = NULL;
    list->count--;
}

/* ---- peers ---- */

static struct budget_peer **bucket_of(struct budget *budget, slice address)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < address.size; i++)
        hash = (hash ^ address.data[i]) * 16777619U;
    return &budget->peers[hash % PEER_BUCKETS];
}

static struct budget_peer *find_or_add_peer(struct budget *budget, slice address)
{
    struct budget_peer **bucket = bucket_of(budget, address);
    for (struct budget_peer *peer = *bucket; peer != NULL; peer = peer->next) {
        if (slice_equal(slice_of(peer->address, peer->address_size), address))
            return peer;
    }
    struct budget_peer *peer = memory_alloc_zeroed(budget->memory, MEMORY_CONNECTIONS, sizeof *peer);
    if (peer == NULL)
        return NULL;
    if (address.size != 0)
        memcpy(peer->address, address.data, address.size);
    peer->address_size = address.size;
    peer->next = *bucket;
    *bucket = peer;
    return peer;
}

static void remove_peer(struct budget *budget, struct budget_peer *peer)
{
    struct budget_peer **link = bucket_of(budget, slice_of(peer->address, peer->address_size));
    while (*link != peer)
        link = &(*link)->next;
    *link = peer->next;
    memory_free(budget->memory, MEMORY_CONNECTIONS, peer, sizeof *peer);
}

/* ---- the budget ---- */

int budget_create(struct memory *memory, size_t limit, struct budget **created)
{
    struct budget *budget = memory_alloc_zeroed(memory, MEMORY_CONNECTIONS, sizeof *budget);
    if (budget == NULL)
        return -ENOMEM;
    budget->memory = memory;
    budget->limit = limit;
    *created = budget;
    return 0;
}

void budget_destroy(struct budget *budget)
{
    memory_free(budget->memory, MEMORY_CONNECTIONS, budget, sizeof *budget);
}

size_t budget_used(const struct budget *budget)
{
    return budget->used;
}

size_t budget_limit(const struct budget *budget)
{
    return budget->limit;
}

size_t budget_waiting(const struct budget *budget)
{
    return budget->waiting_count;
}

/* What is larger than the limit passes alone: it was bounded before it came here. */
static bool fits(size_t held, size_t bytes, size_t limit)
{
    return held == 0 || (held <= limit && bytes <= limit - held);
}

static bool is_first_small(const struct budget_account *account, size_t bytes)
{
    return account->held == 0 && bytes <= BUDGET_SMALL_REQUEST;
}

/* Long polls hold a little all the time: beside little, the largest request must pass too, or it would wait for ever.
 */
static bool fits_share(const struct budget_account *account, size_t bytes)
{
    size_t share = account->budget->limit / SHARE;
    size_t held = account->peer->held;
    return is_first_small(account, bytes) || held <= share / LITTLE || fits(held, bytes, share);
}

static void hold(struct budget_account *account, size_t bytes)
{
    account->held += bytes;
    account->peer->held += bytes;
    account->budget->used += bytes;
}

static void unpark(struct budget_peer *peer, struct budget *budget)
{
    struct budget_account *account = peer->parked.first;
    if (account == NULL || !fits_share(account, account->wanted))
        return;
    take_out(&peer->parked, account);
    account->is_parked = false;
    append(&budget->waiting, account);
}

static void park(struct budget_account *account)
{
    take_out(&account->budget->waiting, account);
    account->is_parked = true;
    append(&account->peer->parked, account);
}

/* Grants from the front of the queue as long as it fits. Whoever is called back may return bytes and so come here
 * again; then the loop that runs already goes on. */
static void grant(struct budget *budget)
{
    if (budget->granting)
        return;
    budget->granting = true;
    struct budget_account *account;
    while ((account = budget->waiting.first) != NULL) {
        if (!fits_share(account, account->wanted)) {
            park(account);
            continue;
        }
        if (!fits(budget->used, account->wanted, budget->limit))
            break;
        take_out(&budget->waiting, account);
        budget->waiting_count--;
        hold(account, account->wanted);
        account->wanted = 0;
        unpark(account->peer, budget);
        account->granted(account);
    }
    budget->granting = false;
}

int budget_account_open(struct budget *budget, struct budget_account *account, slice address,
                        void (*granted)(struct budget_account *account))
{
    if (address.size > ADDRESS_MAX)
        address.size = ADDRESS_MAX;
    struct budget_peer *peer = find_or_add_peer(budget, address);
    if (peer == NULL)
        return -ENOMEM;
    peer->accounts++;
    *account = (struct budget_account){.budget = budget, .peer = peer, .granted = granted};
    return 0;
}

void budget_account_close(struct budget_account *account)
{
    struct budget *budget = account->budget;
    struct budget_peer *peer = account->peer;
    if (account->wanted != 0) {
        take_out(account->is_parked ? &peer->parked : &budget->waiting, account);
        budget->waiting_count--;
        account->wanted = 0;
    }
    budget_return(account, account->held);
    account->budget = NULL;
    account->peer = NULL;
    if (--peer->accounts == 0)
        remove_peer(budget, peer);
}

unsigned budget_account_siblings(const struct budget_account *account)
{
    return account->peer->accounts;
}

bool budget_reserve(struct budget_account *account, size_t bytes)
{
    struct budget *budget = account->budget;
    bool share = is_first_small(account, bytes) || (account->peer->parked.count == 0 && fits_share(account, bytes));
    if (share && budget->waiting.count == 0 && fits(budget->used, bytes, budget->limit)) {
        hold(account, bytes);
        return true;
    }
    account->wanted = bytes;
    account->is_parked = !share;
    append(share ? &budget->waiting : &account->peer->parked, account);
    budget->waiting_count++;
    return false;
}

void budget_add(struct budget_account *account, size_t bytes)
{
    hold(account, bytes);
}

void budget_return(struct budget_account *account, size_t bytes)
{
    struct budget *budget = account->budget;
    account->held -= bytes;
    account->peer->held -= bytes;
    budget->used -= bytes;
    unpark(account->peer, budget);
    grant(budget);
}
