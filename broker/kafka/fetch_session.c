#include "kafka/fetch_session_private.h"
#include "operations/repeated.h"

#include <errno.h>

#define FIRST_VERSION_BY_ID 13
#define SESSION_NONE        0    /* as an id */
#define EPOCH_INITIAL       0    /* a full fetch that wants a session */
#define EPOCH_FINAL         (-1) /* a full fetch that wants none, or ends it */

/* Epochs go on at 1 after INT32_MAX. */
static int32_t next_epoch(int32_t epoch)
{
    return epoch == INT32_MAX ? 1 : epoch + 1;
}

/* ---- targets ---- */

static void resolve(struct fetch_target *target, const struct topics *topics, bool by_id)
{
    target->topic = by_id ? topics_find_id(topics, target->topic_id) : topics_find(topics, target->topic_name);
    if (target->topic == NULL)
        target->error = by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static void add_targets_of_topic(struct fetch_context *context, const struct fetch_request_topic *topic,
                                 const struct topics *topics, struct arena *arena)
{
    struct fetch_target head = {.topic_name = topic->topic, .topic_id = topic->topic_id};
    resolve(&head, topics, context->by_id);
    if (context->by_id && context->kind == FETCH_FULL && head.topic != NULL)
        head.known_name = arena_copy(arena, topic_name(head.topic)); /* without it an error is less exact */
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const struct fetch_request_partition *asked = &topic->partitions.items[i];
        struct fetch_target *target = &context->targets[context->count++];
        *target = head;
        target->partition = asked->partition;
        target->max_bytes = asked->partition_max_bytes;
        target->current_leader_epoch = asked->current_leader_epoch;
        target->last_fetched_epoch = asked->last_fetched_epoch;
        target->offset = asked->fetch_offset;
    }
}

/* As Kafka: a partition is read once, in the place where it was named first, as it was asked for last. */
static int unite_repeated(struct fetch_context *context, struct arena *arena)
{
    struct fetch_target *targets = context->targets;
    struct repeated_partition *named = arena_alloc(arena, (size_t)context->count * sizeof *named);
    if (named == NULL)
        return -ENOMEM;
    for (int32_t i = 0; i < context->count; i++) {
        const struct fetch_target *target = &targets[i];
        slice topic = context->by_id ? slice_of(&target->topic_id, sizeof target->topic_id) : target->topic_name;
        named[i] = (struct repeated_partition){topic, target->partition};
    }
    int32_t *place = repeated_find_first(arena, named, context->count);
    if (place == NULL)
        return -ENOMEM;
    int32_t count = 0;
    for (int32_t i = 0; i < context->count; i++) {
        place[i] = place[i] == i ? count++ : place[place[i]];
        targets[place[i]] = targets[i];
    }
    context->count = count;
    return 0;
}

static int targets_of_request(const struct fetch_request *request, const struct topics *topics, struct arena *arena,
                              struct fetch_context *context)
{
    size_t count = 0;
    for (int32_t i = 0; i < request->topics.count; i++)
        count += (size_t)request->topics.items[i].partitions.count;
    context->targets = arena_alloc(arena, count * sizeof *context->targets);
    if (context->targets == NULL)
        return -ENOMEM;
    for (int32_t i = 0; i < request->topics.count; i++)
        add_targets_of_topic(context, &request->topics.items[i], topics, arena);
    return unite_repeated(context, arena);
}

/* A session by id remembers the topic's name, and can so tell the client more than that the id is unknown. */
static void resolve_of_session(struct fetch_sessions *sessions, struct session_topic *known,
                               const struct topics *topics, bool by_id, struct fetch_target *target)
{
    resolve(target, topics, by_id);
    if (!by_id)
        return;
    if (target->topic != NULL && known->name == NULL)
        (void)session_name_topic(sessions, known, topic_name(target->topic)); /* without it an error is less exact */
    if (target->topic == NULL && known->name != NULL)
        target->error = topics_find(topics, slice_of(known->name, known->name_size)) != NULL
                            ? KAFKA_INCONSISTENT_TOPIC_ID
                            : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static int targets_of_session(struct fetch_sessions *sessions, const struct fetch_session *session,
                              const struct topics *topics, struct arena *arena, struct fetch_context *context)
{
    context->targets = arena_alloc(arena, session->partition_count * sizeof *context->targets);
    if (context->targets == NULL)
        return -ENOMEM;
    const struct session_topic *last = NULL;
    struct fetch_target head = {0};
    for (const struct session_partition *asked = session->first; asked != NULL; asked = asked->next) {
        struct session_topic *topic = asked->key.topic;
        if (topic != last) {
            head = (struct fetch_target){.topic_id = topic->id};
            /* The session may go before the answer does. */
            head.topic_name = arena_copy(arena, slice_of(topic->name, topic->name_size));
            if (slice_is_null(head.topic_name))
                return -ENOMEM;
            resolve_of_session(sessions, topic, topics, context->by_id, &head);
            last = topic;
        }
        struct fetch_target *target = &context->targets[context->count++];
        *target = head;
        target->partition = (int32_t)asked->key.partition;
        target->max_bytes = asked->max_bytes;
        target->current_leader_epoch = asked->current_leader_epoch;
        target->last_fetched_epoch = asked->last_fetched_epoch;
        target->offset = asked->offset;
    }
    return 0;
}

/* ---- a session follows its client ---- */

static void update_partition(struct session_partition *partition, const struct fetch_request_partition *asked)
{
    partition->max_bytes = asked->partition_max_bytes;
    partition->current_leader_epoch = asked->current_leader_epoch;
    partition->last_fetched_epoch = asked->last_fetched_epoch;
    partition->offset = asked->fetch_offset;
}

static bool add_asked(struct fetch_sessions *sessions, struct fetch_session *session,
                      const struct fetch_request *request)
{
    for (int32_t i = 0; i < request->topics.count; i++) {
        const struct fetch_request_topic *topic = &request->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct fetch_request_partition *asked = &topic->partitions.items[j];
            struct session_partition *partition =
                session_add_partition(sessions, session, topic->topic, topic->topic_id, asked->partition);
            if (partition == NULL)
                return false;
            update_partition(partition, asked);
        }
    }
    return true;
}

static void forget(struct fetch_sessions *sessions, struct fetch_session *session,
                   const struct fetch_request_forgotten_topic *forgotten)
{
    for (int32_t i = 0; i < forgotten->partitions.count; i++) {
        struct session_topic *topic = session_find_topic(session, forgotten->topic, forgotten->topic_id);
        if (topic == NULL)
            return;
        struct session_partition *partition = session_find_partition(session, topic, forgotten->partitions.items[i]);
        if (partition != NULL)
            session_remove_partition(sessions, session, partition);
    }
}

static enum kafka_error check_session(const struct fetch_session *session, const struct fetch_request *request,
                                      bool by_id)
{
    if (session == NULL)
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    if (session->epoch != request->session_epoch)
        return KAFKA_INVALID_FETCH_SESSION_EPOCH;
    if (session->by_id != by_id)
        return KAFKA_FETCH_SESSION_TOPIC_ID_ERROR;
    return KAFKA_NONE;
}

static int begin_incremental(struct fetch_sessions *sessions, const struct fetch_request *request,
                             const struct topics *topics, int64_t now, struct arena *arena,
                             struct fetch_context *context)
{
    struct fetch_session *session = session_find(sessions, request->session_id);
    context->error = check_session(session, request, context->by_id);
    if (context->error != KAFKA_NONE)
        return 0;
    if (!add_asked(sessions, session, request)) {
        session_remove(sessions, session);
        context->error = KAFKA_FETCH_SESSION_ID_NOT_FOUND;
        return 0;
    }
    for (int32_t i = 0; i < request->forgotten_topics_data.count; i++)
        forget(sessions, session, &request->forgotten_topics_data.items[i]);
    if (session->partition_count == 0) {
        session_remove(sessions, session);
        return targets_of_request(request, topics, arena, context);
    }
    session_touch(sessions, session, now);
    session->epoch = next_epoch(session->epoch);
    context->kind = FETCH_INCREMENTAL;
    context->session_id = session->id;
    context->epoch = session->epoch;
    return targets_of_session(sessions, session, topics, arena, context);
}

int fetch_sessions_begin(struct fetch_sessions *sessions, const struct fetch_request *request, int16_t version,
                         const struct topics *topics, int64_t now, struct arena *arena, struct fetch_context *context)
{
    *context = (struct fetch_context){.kind = FETCH_WITHOUT_SESSION, .by_id = version >= FIRST_VERSION_BY_ID};
    if (request->session_epoch != EPOCH_INITIAL && request->session_epoch != EPOCH_FINAL)
        return begin_incremental(sessions, request, topics, now, arena, context);

    /* A full fetch ends the session that it names. */
    struct fetch_session *named =
        request->session_id != SESSION_NONE ? session_find(sessions, request->session_id) : NULL;
    if (named != NULL)
        session_remove(sessions, named);
    if (request->session_epoch == EPOCH_INITIAL)
        context->kind = FETCH_FULL;
    return targets_of_request(request, topics, arena, context);
}

/* ---- the answer ---- */

static void end_full(struct fetch_sessions *sessions, struct fetch_context *context, int64_t now)
{
    size_t count = (size_t)context->count;
    if (count == 0)
        return;
    struct fetch_session *session = session_create(sessions, context->by_id, count, now);
    if (session == NULL)
        return;
    for (int32_t i = 0; i < context->count; i++) {
        const struct fetch_target *target = &context->targets[i];
        struct session_partition *partition =
            session_add_partition(sessions, session, target->topic_name, target->topic_id, target->partition);
        if (partition == NULL) {
            session_remove(sessions, session);
            return;
        }
        if (partition->key.topic->name == NULL && !slice_is_null(target->known_name))
            (void)session_name_topic(sessions, partition->key.topic, target->known_name);
        partition->max_bytes = target->max_bytes;
        partition->current_leader_epoch = target->current_leader_epoch;
        partition->last_fetched_epoch = target->last_fetched_epoch;
        partition->offset = target->offset;
        partition->high_watermark = target->error == KAFKA_NONE ? target->high_watermark : -1;
        partition->log_start = target->log_start;
    }
    context->session_id = session->id;
}

/* An error, once gone, must be followed by an answer: so the high watermark is forgotten with it. */
static void compare(struct fetch_session *session, struct session_partition *partition, struct fetch_target *target)
{
    if (target->error != KAFKA_NONE) {
        partition->high_watermark = -1;
        target->must_answer = true;
        return;
    }
    if (target->has_records || partition->high_watermark != target->high_watermark ||
        partition->log_start != target->log_start)
        target->must_answer = true;
    partition->high_watermark = target->high_watermark;
    partition->log_start = target->log_start;
    if (target->has_records)
        session_move_to_end(session, partition);
}

static void end_incremental(struct fetch_sessions *sessions, struct fetch_context *context)
{
    struct fetch_session *session = session_find(sessions, context->session_id);
    if (session != NULL && session->epoch != context->epoch) {
        context->error = KAFKA_INVALID_FETCH_SESSION_EPOCH;
        return;
    }
    for (int32_t i = 0; i < context->count; i++) {
        struct fetch_target *target = &context->targets[i];
        struct session_topic *topic =
            session != NULL ? session_find_topic(session, target->topic_name, target->topic_id) : NULL;
        struct session_partition *partition =
            topic != NULL ? session_find_partition(session, topic, target->partition) : NULL;
        if (partition != NULL)
            compare(session, partition, target);
        else
            target->must_answer = true; /* the session went: the answer is whole, the next fetch will be */
    }
}

void fetch_sessions_end(struct fetch_sessions *sessions, struct fetch_context *context, int64_t now)
{
    if (context->kind == FETCH_INCREMENTAL) {
        end_incremental(sessions, context);
        return;
    }
    if (context->kind == FETCH_FULL)
        end_full(sessions, context, now);
    for (int32_t i = 0; i < context->count; i++)
        context->targets[i].must_answer = true;
}
