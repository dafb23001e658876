#include "transaction/transaction_records.h"

#include "kafka/messages.h"

#include <errno.h>

#define VALUE_VERSION 1
#define TEXT_MAX      ((size_t)16 << 20) /* bytes of a key or a value */

const char *transaction_state_text(enum transaction_state state)
{
    static const char *const texts[TRANSACTION_STATES] = {"Empty",        "Ongoing",        "PrepareCommit",
                                                          "PrepareAbort", "CompleteCommit", "CompleteAbort"};
    return texts[state];
}

/* ---- writing ---- */

static int add(struct batch_builder *builder, int64_t now, slice transactional_id,
               const struct transaction_log_value *value)
{
    struct memory *memory = builder->to->memory;
    struct transaction_log_key key = {.transactional_id = transactional_id};
    writer key_writer, value_writer;
    writer_init(&key_writer, memory, MEMORY_TRANSACTIONS, TEXT_MAX);
    writer_init(&value_writer, memory, MEMORY_TRANSACTIONS, TEXT_MAX);
    int rc = kafka_encode_key(&transaction_log_key_type, &key, &key_writer);
    if (rc == 0 && value != NULL)
        rc = kafka_encode_value(&transaction_log_value_type, VALUE_VERSION, value, &value_writer);
    if (rc == 0)
        batch_builder_add(builder, now, writer_slice(&key_writer),
                          value != NULL ? writer_slice(&value_writer) : NULL_SLICE);
    writer_close(&key_writer);
    writer_close(&value_writer);
    return rc;
}

int transaction_records_add(struct batch_builder *builder, int64_t now, slice transactional_id,
                            const struct transaction_values *values, const struct transaction_partitions *partitions)
{
    struct memory *memory = builder->to->memory;
    struct transaction_log_value value = TRANSACTION_LOG_VALUE_DEFAULTS;
    size_t size = (size_t)partitions->topic_count * sizeof *value.transaction_partitions.items;
    value.producer_id = values->producer_id;
    value.previous_producer_id = values->previous_producer_id;
    value.next_producer_id = values->next_producer_id;
    value.producer_epoch = values->producer_epoch;
    value.transaction_timeout_ms = values->timeout_ms;
    value.transaction_status = (int8_t)values->state;
    value.transaction_last_update_timestamp_ms = values->updated_at;
    value.transaction_start_timestamp_ms = values->started_at;
    value.client_transaction_version = (int16_t)values->protocol;
    value.transaction_partitions.items = memory_alloc_zeroed(memory, MEMORY_TRANSACTIONS, size);
    if (value.transaction_partitions.items == NULL)
        return -ENOMEM;
    /* As Kafka: null while there is no transaction, an empty list where there was one. */
    value.transaction_partitions.count = values->state == TRANSACTION_EMPTY ? -1 : partitions->topic_count;
    for (int32_t i = 0; i < partitions->topic_count; i++) {
        const struct transaction_topic *topic = partitions->topics[i];
        value.transaction_partitions.items[i].topic = topic->name;
        value.transaction_partitions.items[i].partition_ids.items = topic->partitions;
        value.transaction_partitions.items[i].partition_ids.count = topic->count;
    }
    int rc = add(builder, now, transactional_id, &value);
    memory_free(memory, MEMORY_TRANSACTIONS, value.transaction_partitions.items, size);
    return rc;
}

int transaction_records_add_tombstone(struct batch_builder *builder, int64_t now, slice transactional_id)
{
    return add(builder, now, transactional_id, NULL);
}

/* ---- reading ---- */

static int parse_partitions(const struct transaction_log_value *value, struct memory *memory,
                            struct transaction_partitions *partitions)
{
    int rc = 0;
    for (int32_t i = 0; i < value->transaction_partitions.count && rc == 0; i++) {
        const struct transaction_log_value_topic *topic = &value->transaction_partitions.items[i];
        for (int32_t j = 0; j < topic->partition_ids.count && rc == 0; j++)
            rc = transaction_partitions_add(partitions, memory, topic->topic, topic->partition_ids.items[j]);
    }
    if (rc != 0)
        transaction_partitions_close(partitions, memory);
    return rc;
}

int transaction_records_parse(slice key, slice value, struct arena *arena, struct memory *memory,
                              struct transaction_record *record)
{
    struct transaction_log_key decoded;
    struct transaction_log_value found;
    *record = (struct transaction_record){.transactional_id = NULL_SLICE, .is_tombstone = slice_is_null(value)};
    reader key_reader = reader_of(key);
    int16_t type = read_i16(&key_reader);
    if (!reader_ok(&key_reader))
        return FURROW_MALFORMED;
    if (type != transaction_log_key_type.key)
        return 0;
    int rc = kafka_decode(&transaction_log_key_type, 0, &key_reader, &decoded, arena);
    if (rc != 0)
        return rc;
    if (!record->is_tombstone) {
        reader value_reader = reader_of(value);
        rc = kafka_decode_value(&transaction_log_value_type, &value_reader, &found, arena);
        if (rc == 0 && (found.transaction_status < 0 || found.transaction_status >= TRANSACTION_STATES))
            rc = FURROW_MALFORMED;
        if (rc == 0)
            rc = parse_partitions(&found, memory, &record->partitions);
        if (rc != 0)
            return rc;
        record->values = (struct transaction_values){
            .producer_id = found.producer_id,
            .previous_producer_id = found.previous_producer_id,
            .next_producer_id = found.next_producer_id,
            .producer_epoch = found.producer_epoch,
            .last_producer_epoch = -1,
            .timeout_ms = found.transaction_timeout_ms,
            .state = (enum transaction_state)found.transaction_status,
            .protocol =
                found.client_transaction_version >= TRANSACTION_EPOCHS ? TRANSACTION_EPOCHS : TRANSACTION_CLASSIC,
            .started_at = found.transaction_start_timestamp_ms,
            .updated_at = found.transaction_last_update_timestamp_ms,
        };
    }
    record->transactional_id = decoded.transactional_id;
    return 0;
}
