#include "rest/consumer_commit.h"

#include "container.h"
#include "operations/groups.h"
#include "server.h"

#define COMMIT_BYTES_MAX ((size_t)16 << 20)

struct consumer_commit {
    struct consumer_instance *instance;
    struct arena arena;
    struct commit_call commit;
    consumer_commit_callback *done;
    void *context;
};

static void free_commit(struct consumer_commit *commit)
{
    struct memory *memory = commit->arena.memory;
    arena_close(&commit->arena);
    memory_free(memory, MEMORY_GROUPS, commit, sizeof *commit);
}

static enum kafka_error take_results(const struct consumer_commit *commit)
{
    enum kafka_error first = KAFKA_NONE;
    for (size_t i = 0; i < commit->commit.count; i++) {
        const struct commit_partition *committed = &commit->commit.partitions[i];
        struct consumer_partition *partition =
            consumer_partitions_find(&commit->instance->partitions, committed->topic, committed->partition);
        if (committed->error != KAFKA_NONE)
            first = first != KAFKA_NONE ? first : committed->error;
        else if (partition != NULL)
            partition->committed = committed->value.offset;
    }
    return first;
}

/* The instance may go with the callback. */
static void on_committed(struct group_call *call)
{
    struct consumer_commit *commit = call->context;
    consumer_commit_callback *done = commit->done;
    void *context = commit->context;
    enum kafka_error error = take_results(commit);
    commit->instance->commits--;
    free_commit(commit);
    done(context, error);
}

static bool copy_offsets(struct consumer_commit *commit, const struct consumer_offset *offsets, size_t count)
{
    struct commit_partition *partitions = arena_alloc(&commit->arena, count * sizeof *partitions);
    for (size_t i = 0; partitions != NULL && i < count; i++) {
        bool has_metadata = !slice_is_null(offsets[i].metadata);
        slice metadata = has_metadata ? arena_copy(&commit->arena, offsets[i].metadata) : slice_of_text("");
        partitions[i] = (struct commit_partition){
            .topic = arena_copy(&commit->arena, offsets[i].topic),
            .partition = offsets[i].partition,
            .value = {.offset = offsets[i].offset, .leader_epoch = -1, .metadata = metadata},
        };
        if (slice_is_null(partitions[i].topic) || slice_is_null(metadata))
            return false;
    }
    commit->commit.partitions = partitions;
    commit->commit.count = count;
    return partitions != NULL;
}

static struct consumer_commit *make_commit(struct consumer_instance *instance, const struct consumer_offset *offsets,
                                           size_t count)
{
    struct memory *memory = instance->server->memory;
    struct consumer_commit *commit = memory_alloc_zeroed(memory, MEMORY_GROUPS, sizeof *commit);
    if (commit == NULL)
        return NULL;
    arena_init(&commit->arena, memory, MEMORY_GROUPS, COMMIT_BYTES_MAX);
    bool is_member = instance->mode != CONSUMER_ASSIGNED && !slice_is_null(instance->member.id);
    commit->instance = instance;
    slice id = is_member ? arena_copy(&commit->arena, instance->member.id) : slice_of_text("");
    commit->commit.call = (struct group_call){.done = on_committed, .context = commit, .arena = &commit->arena};
    commit->commit.group_id = instance->group;
    commit->commit.member_id = id;
    commit->commit.instance_id = NULL_SLICE;
    commit->commit.generation = is_member ? instance->member.generation : -1;
    if (!slice_is_null(id) && copy_offsets(commit, offsets, count))
        return commit;
    free_commit(commit);
    return NULL;
}

static void ignore(void *context, enum kafka_error error)
{
    (void)context;
    (void)error;
}

void consumer_commit(struct consumer_instance *instance, const struct consumer_offset *offsets, size_t count,
                     consumer_commit_callback *done, void *context)
{
    struct consumer_commit *commit = count > 0 ? make_commit(instance, offsets, count) : NULL;
    done = done != NULL ? done : ignore;
    if (commit == NULL) {
        done(context, count > 0 ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_NONE);
        return;
    }
    commit->done = done;
    commit->context = context;
    instance->commits++;
    instance->committed_at = (int64_t)uv_now(instance->server->loop);
    group_service_prepare(instance->server->groups);
    group_service_commit(instance->server->groups, &commit->commit);
}

static int64_t offset_of(const struct consumer_partition *partition, enum consumer_extent extent)
{
    int64_t offset = extent == CONSUMER_ACKNOWLEDGED ? partition->acknowledged : partition->position;
    return extent != CONSUMER_ALL && offset == partition->committed ? CONSUMER_NO_POSITION : offset;
}

void consumer_commit_positions(struct consumer_instance *instance, enum consumer_extent extent,
                               consumer_commit_callback *done, void *context)
{
    const struct consumer_partitions *partitions = &instance->partitions;
    struct memory *memory = instance->server->memory;
    size_t count = 0, size = partitions->count * sizeof(struct consumer_offset);
    struct consumer_offset *offsets = memory_alloc(memory, MEMORY_GROUPS, size);
    if (offsets == NULL) {
        if (done != NULL)
            done(context, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    for (size_t i = 0; i < partitions->count; i++) {
        const struct consumer_partition *partition = &partitions->items[i];
        int64_t offset = offset_of(partition, extent);
        if (offset != CONSUMER_NO_POSITION)
            offsets[count++] = (struct consumer_offset){partition->topic, partition->index, offset, NULL_SLICE};
    }
    consumer_commit(instance, offsets, count, done, context);
    memory_free(memory, MEMORY_GROUPS, offsets, size);
}
