#include "kafka/fetch_session_private.h"

#include <errno.h>

static slice key_of_topic(const struct fetch_session *session, const struct session_topic *topic)
{
    return session->by_id ? slice_of(&topic->id, sizeof topic->id) : slice_of(topic->name, topic->name_size);
}

/* ---- topics and partitions of a session ---- */

struct session_topic *session_find_topic(const struct fetch_session *session, slice name, struct uuid id)
{
    slice key = session->by_id ? slice_of(&id, sizeof id) : name;
    struct session_topic *topic = NULL;
    HASH_FIND(hh, session->topics, key.data, key.size, topic);
    return topic;
}

int session_name_topic(struct fetch_sessions *sessions, struct session_topic *topic, slice name)
{
    char *copy = memory_alloc(sessions->memory, MEMORY_CONNECTIONS, name.size);
    if (copy == NULL)
        return -ENOMEM;
    if (name.size != 0)
        memcpy(copy, name.data, name.size);
    topic->name = copy;
    topic->name_size = name.size;
    return 0;
}

static void free_topic(struct fetch_sessions *sessions, struct session_topic *topic)
{
    memory_free(sessions->memory, MEMORY_CONNECTIONS, topic->name, topic->name_size);
    memory_free(sessions->memory, MEMORY_CONNECTIONS, topic, sizeof *topic);
}

static struct session_topic *add_topic(struct fetch_sessions *sessions, struct fetch_session *session, slice name,
                                       struct uuid id)
{
    struct session_topic *topic = memory_alloc_zeroed(sessions->memory, MEMORY_CONNECTIONS, sizeof *topic);
    if (topic == NULL)
        return NULL;
    topic->id = id;
    if (!session->by_id && session_name_topic(sessions, topic, name) != 0) {
        free_topic(sessions, topic);
        return NULL;
    }
    slice key = key_of_topic(session, topic);
    HASH_ADD_KEYPTR(hh, session->topics, key.data, key.size, topic);
    if (topic->hh.tbl == NULL) {
        free_topic(sessions, topic);
        return NULL;
    }
    return topic;
}

static void remove_topic_if_unused(struct fetch_sessions *sessions, struct fetch_session *session,
                                   struct session_topic *topic)
{
    if (topic->partitions != 0)
        return;
    HASH_DELETE(hh, session->topics, topic);
    free_topic(sessions, topic);
}

struct session_partition *session_find_partition(const struct fetch_session *session, struct session_topic *topic,
                                                 int32_t partition)
{
    struct session_partition_key key;
    memset(&key, 0, sizeof key);
    key.topic = topic;
    key.partition = partition;
    struct session_partition *found = NULL;
    HASH_FIND(hh, session->partitions, &key, sizeof key, found);
    return found;
}

static void append_to_list(struct fetch_session *session, struct session_partition *partition)
{
    partition->next = NULL;
    partition->previous = session->last;
    *(session->last != NULL ? &session->last->next : &session->first) = partition;
    session->last = partition;
}

static void remove_from_list(struct fetch_session *session, struct session_partition *partition)
{
    *(partition->next != NULL ? &partition->next->previous : &session->last) = partition->previous;
    *(partition->previous != NULL ? &partition->previous->next : &session->first) = partition->next;
}

static struct session_partition *add_to_topic(struct fetch_sessions *sessions, struct fetch_session *session,
                                              struct session_topic *topic, int32_t index)
{
    struct session_partition *partition = memory_alloc_zeroed(sessions->memory, MEMORY_CONNECTIONS, sizeof *partition);
    if (partition == NULL)
        return NULL;
    partition->key.topic = topic;
    partition->key.partition = index;
    partition->high_watermark = -1;
    partition->log_start = -1;
    HASH_ADD(hh, session->partitions, key, sizeof partition->key, partition);
    if (partition->hh.tbl == NULL) {
        memory_free(sessions->memory, MEMORY_CONNECTIONS, partition, sizeof *partition);
        return NULL;
    }
    append_to_list(session, partition);
    topic->partitions++;
    session->partition_count++;
    sessions->partition_count++;
    return partition;
}

struct session_partition *session_add_partition(struct fetch_sessions *sessions, struct fetch_session *session,
                                                slice name, struct uuid id, int32_t index)
{
    struct session_topic *topic = session_find_topic(session, name, id);
    if (topic != NULL) {
        struct session_partition *found = session_find_partition(session, topic, index);
        if (found != NULL)
            return found;
    }
    if (sessions->partition_count >= FETCH_SESSION_PARTITIONS_MAX || name.size > TOPIC_NAME_MAX)
        return NULL;
    if (topic == NULL)
        topic = add_topic(sessions, session, name, id);
    if (topic == NULL)
        return NULL;
    struct session_partition *partition = add_to_topic(sessions, session, topic, index);
    if (partition == NULL)
        remove_topic_if_unused(sessions, session, topic);
    return partition;
}

void session_remove_partition(struct fetch_sessions *sessions, struct fetch_session *session,
                              struct session_partition *partition)
{
    struct session_topic *topic = partition->key.topic;
    remove_from_list(session, partition);
    HASH_DELETE(hh, session->partitions, partition);
    memory_free(sessions->memory, MEMORY_CONNECTIONS, partition, sizeof *partition);
    session->partition_count--;
    sessions->partition_count--;
    topic->partitions--;
    remove_topic_if_unused(sessions, session, topic);
}

void session_move_to_end(struct fetch_session *session, struct session_partition *partition)
{
    remove_from_list(session, partition);
    append_to_list(session, partition);
}

/* ---- the cache ---- */

struct fetch_session *session_find(struct fetch_sessions *sessions, int32_t id)
{
    struct fetch_session *session = NULL;
    HASH_FIND(hh, sessions->by_number, &id, sizeof id, session);
    return session;
}

static void append_by_use(struct fetch_sessions *sessions, struct fetch_session *session)
{
    session->newer = NULL;
    session->older = sessions->newest;
    *(sessions->newest != NULL ? &sessions->newest->newer : &sessions->oldest) = session;
    sessions->newest = session;
}

static void remove_by_use(struct fetch_sessions *sessions, struct fetch_session *session)
{
    *(session->newer != NULL ? &session->newer->older : &sessions->newest) = session->older;
    *(session->older != NULL ? &session->older->newer : &sessions->oldest) = session->newer;
}

void session_touch(struct fetch_sessions *sessions, struct fetch_session *session, int64_t now)
{
    remove_by_use(sessions, session);
    append_by_use(sessions, session);
    session->used = now;
}

void session_remove(struct fetch_sessions *sessions, struct fetch_session *session)
{
    while (session->first != NULL)
        session_remove_partition(sessions, session, session->first);
    remove_by_use(sessions, session);
    HASH_DELETE(hh, sessions->by_number, session);
    memory_free(sessions->memory, MEMORY_CONNECTIONS, session, sizeof *session);
    sessions->count--;
}

static struct fetch_session *find_victim(const struct fetch_sessions *sessions, size_t partitions, int64_t now)
{
    struct fetch_session *victim = NULL;
    if (sessions->oldest != NULL && now - sessions->oldest->used > FETCH_SESSION_EVICTION_MS)
        return sessions->oldest;
    if (sessions->count < sessions->limit)
        return NULL;
    for (struct fetch_session *session = sessions->oldest; session != NULL; session = session->newer) {
        if (now - session->created > FETCH_SESSION_EVICTION_MS && session->partition_count < partitions &&
            (victim == NULL || session->partition_count < victim->partition_count))
            victim = session;
    }
    return victim;
}

static bool make_room(struct fetch_sessions *sessions, size_t partitions, int64_t now)
{
    if (partitions > FETCH_SESSION_PARTITIONS_MAX)
        return false;
    while (sessions->count >= sessions->limit ||
           sessions->partition_count + partitions > FETCH_SESSION_PARTITIONS_MAX) {
        struct fetch_session *victim = find_victim(sessions, partitions, now);
        if (victim == NULL)
            return false;
        session_remove(sessions, victim);
    }
    return true;
}

static int32_t new_id(struct fetch_sessions *sessions)
{
    for (;;) {
        uint32_t random;
        sessions->random(sessions->random_context, &random, sizeof random);
        int32_t id = (int32_t)(random & INT32_MAX);
        if (id != 0 && session_find(sessions, id) == NULL)
            return id;
    }
}

struct fetch_session *session_create(struct fetch_sessions *sessions, bool by_id, size_t partitions, int64_t now)
{
    if (!make_room(sessions, partitions, now))
        return NULL;
    struct fetch_session *session = memory_alloc_zeroed(sessions->memory, MEMORY_CONNECTIONS, sizeof *session);
    if (session == NULL)
        return NULL;
    session->id = new_id(sessions);
    session->epoch = 1;
    session->by_id = by_id;
    session->created = now;
    session->used = now;
    HASH_ADD(hh, sessions->by_number, id, sizeof session->id, session);
    if (session->hh.tbl == NULL) {
        memory_free(sessions->memory, MEMORY_CONNECTIONS, session, sizeof *session);
        return NULL;
    }
    append_by_use(sessions, session);
    sessions->count++;
    return session;
}

int fetch_sessions_open(struct memory *memory, size_t limit, fetch_session_random *random, void *random_context,
                        struct fetch_sessions **opened)
{
    struct fetch_sessions *sessions = memory_alloc_zeroed(memory, MEMORY_CONNECTIONS, sizeof *sessions);
    if (sessions == NULL)
        return -ENOMEM;
    sessions->memory = memory;
    sessions->limit = limit;
    sessions->random = random;
    sessions->random_context = random_context;
    *opened = sessions;
    return 0;
}

void fetch_sessions_close(struct fetch_sessions *sessions)
{
    while (sessions->oldest != NULL)
        session_remove(sessions, sessions->oldest);
    memory_free(sessions->memory, MEMORY_CONNECTIONS, sessions, sizeof *sessions);
}

size_t fetch_sessions_count(const struct fetch_sessions *sessions)
{
    return sessions->count;
}
