/* ConsumerGroupHeartbeat, up to its answer. Words and order of the checks are Kafka's: clients log the words. */
#include "group/assignor.h"
#include "group/consumer_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define GENERATED_ID_VERSION 1 /* from it on members make their ids themselves */
#define WORDS_MAX            600
#define TEXT(text)           (int)((text).size < 200 ? (text).size : 200), (const char *)(text).data

/* ---- answers ---- */

enum kafka_error consumer_refuse(struct consumer_call *call, enum kafka_error error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char words[WORDS_MAX];
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    call->response.error_message = arena_copy(call->call.arena, slice_of_text(words));
    return error;
}

/* ---- checks that need no group ---- */

/* Null is not said; one of blanks only is as none. */
static bool is_blank(slice text)
{
    size_t at = 0;
    while (at < text.size && text.data[at] <= ' ')
        at++;
    return !slice_is_null(text) && at == text.size;
}

static enum kafka_error check_first(struct consumer_call *call)
{
    const struct consumer_group_heartbeat_request *asked = call->asked;
    if (asked->rebalance_timeout_ms == -1)
        return consumer_refuse(call, KAFKA_INVALID_REQUEST, "RebalanceTimeoutMs must be provided in first request.");
    if (asked->topic_partitions.count != 0)
        return consumer_refuse(call, KAFKA_INVALID_REQUEST, "TopicPartitions must be empty when (re-)joining.");
    if (asked->subscribed_topic_names.count < 0 && slice_is_null(asked->subscribed_topic_regex))
        return consumer_refuse(
            call, KAFKA_INVALID_REQUEST,
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
    return KAFKA_NONE;
}

/* "uniform, range" */
static void list_assignors(const struct assignor_list *list, char *text, size_t size)
{
    size_t end = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < list->count && end < size; i++)
        end += (size_t)snprintf(text + end, size - end, "%s%s", i > 0 ? ", " : "", assignor_name(list->items[i]));
}

static enum kafka_error check_assignor(const struct assignor_list *list, struct consumer_call *call)
{
    slice asked = call->asked->server_assignor;
    char names[64];
    enum assignor assignor;
    if (slice_is_null(asked) || (assignor_find(asked, &assignor) && assignor_list_has(list, assignor)))
        return KAFKA_NONE;
    list_assignors(list, names, sizeof names);
    return consumer_refuse(call, KAFKA_UNSUPPORTED_ASSIGNOR,
                           "ServerAssignor %.*s is not supported. Supported assignors: %s.", TEXT(asked), names);
}

enum kafka_error consumer_check_request(const struct group_coordinator *coordinator, struct consumer_call *call)
{
    const struct consumer_group_heartbeat_request *asked = call->asked;
    bool needs_id =
        call->version >= GENERATED_ID_VERSION || asked->member_epoch > 0 || asked->member_epoch == CONSUMER_LEAVE;
    if (needs_id && is_blank(asked->member_id))
        return consumer_refuse(call, KAFKA_INVALID_REQUEST, "MemberId can't be empty.");
    if (is_blank(asked->group_id))
        return consumer_refuse(call, KAFKA_INVALID_REQUEST, "GroupId can't be empty.");
    if (is_blank(asked->instance_id))
        return consumer_refuse(call, KAFKA_INVALID_REQUEST, "InstanceId can't be empty.");
    if (is_blank(asked->rack_id))
        return consumer_refuse(call, KAFKA_INVALID_REQUEST, "RackId can't be empty.");
    enum kafka_error error = asked->member_epoch == 0 ? check_first(call) : KAFKA_NONE;
    if (error != KAFKA_NONE)
        return error;
    if (asked->member_epoch == CONSUMER_LEAVE_STATIC && slice_is_null(asked->instance_id))
        return consumer_refuse(call, KAFKA_INVALID_REQUEST, "InstanceId can't be null.");
    if (asked->member_epoch < CONSUMER_LEAVE_STATIC)
        return consumer_refuse(call, KAFKA_INVALID_REQUEST, "MemberEpoch is invalid.");
    return check_assignor(&coordinator->limits->assignors, call);
}

/* ---- who asks ---- */

/* A member is behind by one epoch when it has not seen the answer that raised it. */
static enum kafka_error check_epoch(struct consumer_call *call, const struct consumer_member *member)
{
    const struct consumer_group_heartbeat_request *asked = call->asked;
    if (asked->member_epoch == 0 || asked->member_epoch == member->epoch)
        return KAFKA_NONE;
    bool is_ahead = asked->member_epoch > member->epoch;
    bool is_late = asked->member_epoch == member->previous_epoch && asked->topic_partitions.count >= 0;
    for (int32_t i = 0; is_late && i < asked->topic_partitions.count; i++) {
        const struct consumer_group_heartbeat_request_topic *topic = &asked->topic_partitions.items[i];
        for (int32_t j = 0; is_late && j < topic->partitions.count; j++)
            is_late = claims_find(&member->assigned, topic->topic_id, topic->partitions.items[j]) != NULL;
    }
    if (!is_ahead && is_late)
        return KAFKA_NONE;
    return consumer_refuse(
        call, KAFKA_FENCED_MEMBER_EPOCH,
        "The consumer group member has a %s member epoch (%d) than the one known by the group coordinator "
        "(%d). The member must abandon all its partitions and rejoin.",
        is_ahead ? "greater" : "smaller", asked->member_epoch, member->epoch);
}

static enum kafka_error find_known_static(struct consumer_group *group, struct consumer_call *call,
                                          struct consumer_member **member)
{
    const struct consumer_group_heartbeat_request *asked = call->asked;
    *member = consumer_find_static(group, asked->instance_id);
    if (*member == NULL)
        return consumer_refuse(call, KAFKA_UNKNOWN_MEMBER_ID, "Instance id %.*s is unknown.", TEXT(asked->instance_id));
    if (!slice_equal((*member)->id, asked->member_id))
        return consumer_refuse(call, KAFKA_FENCED_INSTANCE_ID,
                               "Static member %.*s with instance id %.*s was fenced by member %.*s.",
                               TEXT(asked->member_id), TEXT(asked->instance_id), TEXT((*member)->id));
    return KAFKA_NONE;
}

static enum kafka_error find_known(struct consumer_group *group, struct consumer_call *call,
                                   struct consumer_member **member)
{
    const struct consumer_group_heartbeat_request *asked = call->asked;
    if (!slice_is_null(asked->instance_id))
        return find_known_static(group, call, member);
    *member = consumer_find_member(group, asked->member_id);
    if (*member == NULL)
        return consumer_refuse(call, KAFKA_UNKNOWN_MEMBER_ID, "Member %.*s is not a member of group %.*s.",
                               TEXT(asked->member_id), TEXT(group->group->id));
    return KAFKA_NONE;
}

/* The member of the id, or of the instance id, that joins; NULL: it has to be made. */
static enum kafka_error find_joining(struct consumer_group *group, struct consumer_call *call,
                                     struct consumer_member **member)
{
    const struct consumer_group_heartbeat_request *asked = call->asked;
    struct consumer_member *instance =
        slice_is_null(asked->instance_id) ? NULL : consumer_find_static(group, asked->instance_id);
    *member = instance != NULL ? instance : consumer_find_member(group, asked->member_id);
    if (instance != NULL && instance->epoch != CONSUMER_LEAVE_STATIC && instance->classic == NULL)
        return consumer_refuse(
            call, KAFKA_UNRELEASED_INSTANCE_ID,
            "Static member %.*s with instance id %.*s cannot join the group because the instance id is "
            "owned by %.*s member.",
            TEXT(asked->member_id), TEXT(asked->instance_id), TEXT(instance->id));
    struct consumer_member *other = instance != NULL ? consumer_find_member(group, asked->member_id) : NULL;
    if (other != NULL && other != instance)
        return consumer_refuse(call, KAFKA_INVALID_REQUEST, "MemberId %.*s is that of another member of the group.",
                               TEXT(asked->member_id));
    return KAFKA_NONE;
}

enum kafka_error consumer_check_size(const struct group *group, uint32_t count, struct consumer_call *call)
{
    uint32_t most = (uint32_t)group->coordinator->limits->consumer_max_size;
    bool is_full = count >= most && !group->kind->has_member(group, call->asked->member_id);
    return is_full ? consumer_refuse(call, KAFKA_GROUP_MAX_SIZE_REACHED,
                                     "The consumer group has reached its maximum capacity of %u members.", most)
                   : KAFKA_NONE;
}

/* A record that no batch can hold would be tried for ever, and nobody of the group be answered meanwhile. */
static enum kafka_error check_text(struct consumer_call *call)
{
    const struct consumer_group_heartbeat_request *asked = call->asked;
    size_t bytes = asked->member_id.size + asked->instance_id.size + asked->rack_id.size;
    for (int32_t i = 0; i < asked->subscribed_topic_names.count && bytes <= CONSUMER_TEXT_MAX; i++)
        bytes += asked->subscribed_topic_names.items[i].size + sizeof(int16_t);
    return bytes <= CONSUMER_TEXT_MAX
               ? KAFKA_NONE
               : consumer_refuse(call, KAFKA_UNKNOWN_SERVER_ERROR,
                                 "The member's subscription takes more than %d bytes.", CONSUMER_TEXT_MAX);
}

static enum kafka_error check_regex(struct group_coordinator *coordinator, struct consumer_call *call)
{
    slice regex = call->asked->subscribed_topic_regex;
    if (regex.size == 0 || call->is_checked)
        return KAFKA_NONE;
    return consumer_check_regex(coordinator, regex, call->call.arena, &call->response.error_message);
}

enum kafka_error consumer_check_join(struct group_coordinator *coordinator, struct consumer_call *call)
{
    enum kafka_error error = check_text(call);
    if (error == KAFKA_NONE)
        error = check_regex(coordinator, call);
    call->is_checked = error == KAFKA_NONE;
    return error;
}

/* Nothing of the group is changed unless the request is right. */
static enum kafka_error find_member(struct consumer_group *group, struct consumer_call *call,
                                    struct consumer_member **member)
{
    bool joins = call->asked->member_epoch == 0;
    enum kafka_error error = consumer_check_size(group->group, group->member_count, call);
    if (error == KAFKA_NONE)
        error = joins ? find_joining(group, call, member) : find_known(group, call, member);
    if (error == KAFKA_NONE && *member != NULL)
        error = check_epoch(call, *member);
    if (error == KAFKA_NONE)
        error = check_text(call);
    bool is_known = consumer_find_regex(group, call->asked->subscribed_topic_regex) != NULL;
    return error == KAFKA_NONE && !is_known ? check_regex(group->group->coordinator, call) : error;
}

/* ---- leaving ---- */

static enum kafka_error leave(struct consumer_group *group, struct consumer_call *call)
{
    struct consumer_member *member;
    int32_t epoch = call->asked->member_epoch;
    enum kafka_error error = find_known(group, call, &member);
    if (error != KAFKA_NONE)
        return error;
    if (epoch == CONSUMER_LEAVE_STATIC) {
        consumer_let_go(group, member);
        claims_free(group->memory, &member->revoking);
        consumer_take(group, member);
        member->epoch = CONSUMER_LEAVE_STATIC;
        member->rebalance_deadline = GROUP_NEVER;
        consumer_mark(group, member, DIRTY_CURRENT);
    } else if (consumer_dismiss(group, member) != 0) {
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    } else {
        consumer_end_dismissals(group);
    }
    call->response.member_id = call->asked->member_id;
    call->response.member_epoch = epoch;
    return KAFKA_NONE;
}

/* ---- staying ---- */

static struct consumer_description describe(const struct consumer_call *call)
{
    const struct consumer_group_heartbeat_request *asked = call->asked;
    return (struct consumer_description){.instance_id = asked->instance_id,
                                         .rack_id = asked->rack_id,
                                         .client_id = call->client_id,
                                         .client_host = call->client_host,
                                         .assignor = asked->server_assignor,
                                         .regex = asked->subscribed_topic_regex,
                                         .names = asked->subscribed_topic_names.items,
                                         .name_count = asked->subscribed_topic_names.count,
                                         .rebalance_timeout_ms = asked->rebalance_timeout_ms};
}

static int admit(struct consumer_group *group, const struct consumer_group_heartbeat_request *asked,
                 struct consumer_member **member)
{
    if (*member == NULL) {
        *member = consumer_add_member(group, asked->member_id);
        return *member != NULL ? 0 : -ENOMEM;
    }
    bool is_instance = !slice_is_null(asked->instance_id) && !slice_is_null((*member)->instance_id) &&
                       slice_equal((*member)->instance_id, asked->instance_id);
    return asked->member_epoch == 0 && is_instance ? consumer_replace_static(group, *member, asked->member_id) : 0;
}

/* Kafka's order: the member, the group's epoch, the target, the member's way. Each step is whole or not done; a
 * heartbeat that fails for memory is sent again and goes on from there. */
static int step(struct consumer_group *group, struct consumer_call *call, struct consumer_member **member)
{
    bool subscribes = false;
    struct consumer_description said = describe(call);
    int rc = admit(group, call->asked, member);
    if (rc == 0) {
        consumer_forget_protocols(group, *member); /* it speaks the consumer protocol from now on */
        rc = consumer_describe_member(group, *member, &said, &subscribes);
    }
    if (*member != NULL)
        consumer_begin_session(group, *member, group->group->coordinator->time.steady);
    group->must_rise = group->must_rise || subscribes;
    if (rc == 0)
        rc = consumer_refresh(group, group->must_rise);
    if (rc == 0)
        rc = consumer_update_target(group);
    return rc == 0 ? consumer_reconcile(group, *member, &call->asked->topic_partitions, subscribes) : rc;
}

static int show_assignment(struct consumer_call *call, const struct claims *claims)
{
    struct consumer_group_heartbeat_response_assignment *shown = arena_alloc(call->call.arena, sizeof *shown);
    struct consumer_group_heartbeat_response_topic *topics =
        arena_alloc(call->call.arena, claims_topic_count(claims) * sizeof *topics);
    int32_t *partitions = arena_alloc(call->call.arena, claims->count * sizeof *partitions);
    if (shown == NULL || topics == NULL || partitions == NULL)
        return -ENOMEM;
    int32_t count = 0;
    for (uint32_t at = 0, run; at < claims->count; at += run) {
        run = claims_run(claims, at);
        for (uint32_t i = at; i < at + run; i++)
            partitions[i] = claims->items[i].partition;
        topics[count++] = (struct consumer_group_heartbeat_response_topic){
            .topic_id = claims->items[at].topic, .partitions = {&partitions[at], (int32_t)run}};
    }
    shown->topic_partitions.items = topics;
    shown->topic_partitions.count = count;
    call->response.assignment = shown;
    return 0;
}

/* One that says all of itself does so because it does not know what reached the coordinator. */
static bool is_full_request(const struct consumer_group_heartbeat_request *asked)
{
    return asked->rebalance_timeout_ms != -1 && asked->topic_partitions.count >= 0 &&
           (asked->subscribed_topic_names.count >= 0 || !slice_is_null(asked->subscribed_topic_regex));
}

static enum kafka_error stay(struct consumer_group *group, struct consumer_call *call)
{
    struct consumer_member *member = NULL;
    enum kafka_error error = find_member(group, call, &member);
    if (error != KAFKA_NONE)
        return error;
    struct claims before = {.items = NULL};
    int rc = member != NULL ? claims_copy(group->memory, &before, &member->assigned) : 0;
    if (rc == 0)
        rc = step(group, call, &member);
    bool shows = rc == 0 && (call->asked->member_epoch == 0 || is_full_request(call->asked) ||
                             !claims_equal(&before, &member->assigned));
    claims_free(group->memory, &before);
    if (shows)
        rc = show_assignment(call, &member->assigned);
    slice id = rc == 0 ? arena_copy(call->call.arena, member->id) : NULL_SLICE;
    if (slice_is_null(id))
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    const struct group_store *store = &group->group->coordinator->store;
    call->response.member_id = id;
    call->response.member_epoch = member->epoch;
    call->response.heartbeat_interval_ms =
        store->settings(store->context, group->group->id).consumer_heartbeat_interval_ms;
    return KAFKA_NONE;
}

/* A refusal is said at once, whatever it left marked. */
void consumer_heartbeat(struct consumer_group *group, struct consumer_call *call)
{
    bool leaves = call->asked->member_epoch < 0;
    enum kafka_error error = leaves ? leave(group, call) : stay(group, call);
    if (error == KAFKA_NONE) {
        consumer_write_for(group, &call->call);
    } else {
        group_answers_add(&group->group->coordinator->answers, &call->call, error);
        consumer_write(group);
    }
    if (leaves)
        consumer_downgrade_if_due(group->group);
}
