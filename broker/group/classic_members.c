#include "classic_private.h"

#include "reader.h"

#include <errno.h>

/* ---- texts ---- */

bool classic_keep(struct classic_group *group, slice *to, slice from)
{
    slice copy = NULL_SLICE;
    if (!slice_is_null(from)) {
        uint8_t *bytes = memory_alloc(group->surroundings.memory, MEMORY_GROUPS, from.size);
        if (bytes == NULL)
            return false;
        if (from.size > 0)
            memcpy(bytes, from.data, from.size);
        copy = slice_of(bytes, from.size);
    }
    classic_drop(group, to);
    *to = copy;
    return true;
}

void classic_drop(struct classic_group *group, slice *text)
{
    if (!slice_is_null(*text))
        memory_free(group->surroundings.memory, MEMORY_GROUPS, (void *)(uintptr_t)text->data, text->size);
    *text = NULL_SLICE;
}

/* ---- finding ---- */

struct classic_member *classic_find_member(const struct classic_group *group, slice id)
{
    struct classic_member *member = group->members;
    while (member != NULL && !slice_equal(member->id, id))
        member = member->next;
    return member;
}

struct classic_member *classic_find_static(const struct classic_group *group, slice instance_id)
{
    struct classic_member *member = group->members;
    while (member != NULL && (slice_is_null(member->instance_id) || !slice_equal(member->instance_id, instance_id)))
        member = member->next;
    return member;
}

enum kafka_error classic_validate(const struct classic_group *group, slice member_id, slice instance_id,
                                  struct classic_member **member)
{
    *member = NULL;
    if (!slice_is_null(instance_id)) {
        const struct classic_member *instance = classic_find_static(group, instance_id);
        if (instance == NULL)
            return KAFKA_UNKNOWN_MEMBER_ID;
        if (!slice_equal(instance->id, member_id))
            return KAFKA_FENCED_INSTANCE_ID;
    }
    struct classic_member *found = classic_find_member(group, member_id);
    if (found == NULL || found->is_pending)
        return KAFKA_UNKNOWN_MEMBER_ID;
    *member = found;
    return KAFKA_NONE;
}

enum kafka_error classic_validate_generation(const struct classic_group *group, slice member_id, slice instance_id,
                                             int32_t generation, struct classic_member **member)
{
    enum kafka_error error = classic_validate(group, member_id, instance_id, member);
    return error == KAFKA_NONE && generation != group->generation ? KAFKA_ILLEGAL_GENERATION : error;
}

int32_t classic_count_joining(const struct classic_group *group)
{
    int32_t count = 0;
    for (const struct classic_member *member = group->members; member != NULL; member = member->next)
        count += member->join != NULL;
    return count;
}

bool classic_all_joined(const struct classic_group *group)
{
    return group->pending_count == 0 && classic_count_joining(group) == group->member_count;
}

int32_t classic_rebalance_timeout(const struct classic_group *group)
{
    int32_t longest = 0;
    for (const struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (member->rebalance_timeout_ms > longest)
            longest = member->rebalance_timeout_ms;
    }
    return longest;
}

/* ---- coming and going ---- */

static void link_last(struct classic_group *group, struct classic_member *member)
{
    member->next = NULL;
    *group->tail = member;
    group->tail = &member->next;
}

static void unlink_member(struct classic_group *group, struct classic_member *member)
{
    struct classic_member **link = &group->members;
    while (*link != member)
        link = &(*link)->next;
    *link = member->next;
    if (group->tail == &member->next)
        group->tail = link;
}

/* Whoever fills a group with ids that nobody joins with drives out his own. */
static void drop_oldest_pending(struct classic_group *group)
{
    struct classic_member *member = group->members;
    while (!member->is_pending)
        member = member->next;
    classic_remove_member(group, member);
}

struct classic_member *classic_add_pending(struct classic_group *group, slice id)
{
    if (group->pending_count >= GROUP_PENDING_MAX)
        drop_oldest_pending(group);
    struct memory *memory = group->surroundings.memory;
    struct classic_member *member = memory_alloc_zeroed(memory, MEMORY_GROUPS, sizeof *member);
    if (member == NULL)
        return NULL;
    if (!classic_keep(group, &member->id, id)) {
        memory_free(memory, MEMORY_GROUPS, member, sizeof *member);
        return NULL;
    }
    member->is_pending = true;
    member->deadline = GROUP_NEVER;
    link_last(group, member);
    group->pending_count++;
    return member;
}

int classic_admit_member(struct classic_group *group, struct classic_member *member, const struct join_call *join)
{
    bool is_first = group->member_count == 0;
    if (!classic_keep(group, &member->instance_id, join->instance_id) ||
        !classic_keep(group, &member->client_id, join->client_id) ||
        !classic_keep(group, &member->client_host, join->client_host) ||
        (is_first && !classic_keep(group, &group->protocol_type, join->protocol_type)) ||
        classic_update_member(group, member, join) != 0) {
        classic_drop(group, &member->instance_id);
        return -ENOMEM;
    }
    unlink_member(group, member);
    link_last(group, member);
    member->is_pending = false;
    group->pending_count--;
    group->member_count++;
    if (group->leader == NULL)
        group->leader = member;
    return 0;
}

static void free_protocols(struct classic_group *group, struct classic_member *member)
{
    memory_free(group->surroundings.memory, MEMORY_GROUPS, member->protocols, member->protocols_size);
    member->protocols = NULL;
}

int classic_update_member(struct classic_group *group, struct classic_member *member, const struct join_call *join)
{
    size_t size = (size_t)join->protocol_count * sizeof *member->protocols;
    for (int32_t i = 0; i < join->protocol_count; i++)
        size += join->protocols[i].name.size + join->protocols[i].metadata.size;
    struct join_protocol *protocols = memory_alloc(group->surroundings.memory, MEMORY_GROUPS, size);
    if (protocols == NULL)
        return -ENOMEM;
    uint8_t *bytes = (uint8_t *)(protocols + join->protocol_count);
    for (int32_t i = 0; i < join->protocol_count; i++) {
        const slice from[] = {join->protocols[i].name, join->protocols[i].metadata};
        slice to[2];
        for (int part = 0; part < 2; part++) {
            if (from[part].size > 0)
                memcpy(bytes, from[part].data, from[part].size);
            to[part] = slice_of(bytes, from[part].size);
            bytes += from[part].size;
        }
        protocols[i] = (struct join_protocol){.name = to[0], .metadata = to[1]};
    }
    free_protocols(group, member);
    member->protocols = protocols;
    member->protocols_size = size;
    member->protocol_count = join->protocol_count;
    member->session_timeout_ms = join->session_timeout_ms;
    member->rebalance_timeout_ms =
        join->rebalance_timeout_ms >= 0 ? join->rebalance_timeout_ms : join->session_timeout_ms;
    return 0;
}

void classic_remove_member(struct classic_group *group, struct classic_member *member)
{
    unlink_member(group, member);
    if (member->is_pending)
        group->pending_count--;
    else
        group->member_count--;
    if (group->leader == member) {
        group->leader = group->members;
        while (group->leader != NULL && group->leader->is_pending)
            group->leader = group->leader->next;
    }
    slice *texts[] = {&member->id,          &member->instance_id, &member->client_id,
                      &member->client_host, &member->assignment,  &member->former_id};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        classic_drop(group, texts[i]);
    free_protocols(group, member);
    memory_free(group->surroundings.memory, MEMORY_GROUPS, member, sizeof *member);
}

/* ---- protocols ---- */

static bool speaks(const struct classic_member *member, slice protocol)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        if (slice_equal(member->protocols[i].name, protocol))
            return true;
    }
    return false;
}

static bool all_speak(const struct classic_group *group, slice protocol)
{
    for (const struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (!member->is_pending && !speaks(member, protocol))
            return false;
    }
    return true;
}

bool classic_supports(const struct classic_group *group, const struct join_call *join)
{
    if (join->protocol_type.size == 0 || join->protocol_count == 0)
        return false;
    if (group->state == CLASSIC_EMPTY)
        return true;
    if (!slice_equal(join->protocol_type, group->protocol_type))
        return false;
    for (int32_t i = 0; i < join->protocol_count; i++) {
        if (all_speak(group, join->protocols[i].name))
            return true;
    }
    return false;
}

bool classic_same_protocols(const struct classic_member *member, const struct join_call *join)
{
    if (member->protocol_count != join->protocol_count)
        return false;
    for (int32_t i = 0; i < join->protocol_count; i++) {
        if (!slice_equal(member->protocols[i].name, join->protocols[i].name) ||
            !slice_equal(member->protocols[i].metadata, join->protocols[i].metadata))
            return false;
    }
    return true;
}

/* Its best protocol among those that all speak: the place in the candidates. */
static int32_t vote(const struct classic_member *member, const struct join_protocol *candidates, const bool *common,
                    int32_t count)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        for (int32_t c = 0; c < count; c++) {
            if (common[c] && slice_equal(member->protocols[i].name, candidates[c].name))
                return c;
        }
    }
    return -1;
}

slice classic_select_protocol(const struct classic_group *group)
{
    const struct classic_member *first = group->members;
    while (first != NULL && first->is_pending)
        first = first->next;
    if (first == NULL)
        return NULL_SLICE;
    bool common[GROUP_PROTOCOLS_MAX];
    int32_t votes[GROUP_PROTOCOLS_MAX] = {0};
    for (int32_t i = 0; i < first->protocol_count; i++)
        common[i] = all_speak(group, first->protocols[i].name);
    for (const struct classic_member *member = first; member != NULL; member = member->next) {
        int32_t voted = member->is_pending ? -1 : vote(member, first->protocols, common, first->protocol_count);
        if (voted >= 0)
            votes[voted]++;
    }
    slice selected = NULL_SLICE;
    int32_t most = 0;
    for (int32_t i = 0; i < first->protocol_count; i++) {
        if (votes[i] > most) {
            most = votes[i];
            selected = first->protocols[i].name;
        }
    }
    return selected;
}

slice classic_metadata(const struct classic_member *member, slice protocol)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        if (slice_equal(member->protocols[i].name, protocol))
            return member->protocols[i].metadata;
    }
    return slice_of_text("");
}

/* ConsumerProtocolSubscription: in each of its versions the topics come first. */
static bool list_subscription(slice subscription, void (*callback)(void *context, slice topic), void *context)
{
    reader r = reader_of(subscription);
    int16_t version = read_i16(&r);
    int32_t count = read_i32(&r);
    if (!reader_ok(&r) || version < 0)
        return false;
    for (int32_t i = 0; i < count; i++) {
        slice name = read_bytes(&r, (size_t)(uint16_t)read_i16(&r));
        if (!reader_ok(&r))
            return false;
        callback(context, name);
    }
    return true;
}

bool classic_group_list_subscribed(const struct classic_group *group, void (*callback)(void *context, slice topic),
                                   void *context)
{
    for (const struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (!member->is_pending && !list_subscription(classic_metadata(member, group->protocol), callback, context))
            return false;
    }
    return true;
}
