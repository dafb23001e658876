#include "operations/takeover_survey.h"

#include "log_records.h"
#include "transaction_marker.h"

#include <errno.h>

/* uthash's table comes from the ledger: every function that changes it has `survey` in scope. */
#define HASH_NONFATAL_OOM        1
#define uthash_malloc(size)      memory_alloc(survey->memory, survey->purpose, size)
#define uthash_free(block, size) memory_free(survey->memory, survey->purpose, block, size)
#include <uthash.h>

#define NO_ORDINAL UINT64_MAX /* none of its records holds */

struct survey_key {
    uint64_t last; /* ordinal of its last record that holds */
    bool is_kept;  /* the partition that stays has it */
    UT_hash_handle by_bytes;
    size_t size;
    uint8_t bytes[];
};

void survey_init(struct takeover_survey *survey, struct memory *memory, enum memory_purpose purpose)
{
    *survey = (struct takeover_survey){.memory = memory, .purpose = purpose};
}

void survey_close(struct takeover_survey *survey)
{
    struct survey_key *key, *next;
    HASH_ITER (by_bytes, survey->keys, key, next) {
        HASH_DELETE(by_bytes, survey->keys, key);
        memory_free(survey->memory, survey->purpose, key, sizeof *key + key->size);
    }
    memory_free(survey->memory, survey->purpose, survey->undecided,
                survey->undecided_capacity * sizeof *survey->undecided);
}

/* ---- keys ---- */

static struct survey_key *find_key(const struct takeover_survey *survey, slice bytes)
{
    struct survey_key *key = NULL;
    HASH_FIND(by_bytes, survey->keys, bytes.data, bytes.size, key);
    return key;
}

static struct survey_key *add_key(struct takeover_survey *survey, slice bytes)
{
    struct survey_key *key = memory_alloc_zeroed(survey->memory, survey->purpose, sizeof *key + bytes.size);
    if (key == NULL)
        return NULL;
    key->last = NO_ORDINAL;
    key->size = bytes.size;
    memcpy(key->bytes, bytes.data, bytes.size);
    HASH_ADD_KEYPTR(by_bytes, survey->keys, key->bytes, key->size, key);
    if (key->by_bytes.tbl != NULL)
        return key;
    memory_free(survey->memory, survey->purpose, key, sizeof *key + key->size);
    return NULL;
}

static bool is_later(uint64_t ordinal, uint64_t than)
{
    return than == NO_ORDINAL || ordinal > than;
}

/* ---- the first reading ---- */

struct noting {
    struct takeover_survey *survey;
    int64_t producer_id; /* whose transaction the batch belongs to; -1: none's */
    bool is_kept;
};

static int add_undecided(struct takeover_survey *survey, int64_t producer_id, struct survey_key *key)
{
    if (survey->undecided_count == survey->undecided_capacity) {
        size_t capacity = survey->undecided_capacity != 0 ? 2 * survey->undecided_capacity : 16;
        void *grown = memory_realloc(survey->memory, survey->purpose, survey->undecided,
                                     survey->undecided_capacity * sizeof *survey->undecided,
                                     capacity * sizeof *survey->undecided);
        if (grown == NULL)
            return -ENOMEM;
        survey->undecided = grown;
        survey->undecided_capacity = capacity;
    }
    survey->undecided[survey->undecided_count++] =
        (struct survey_undecided){.producer_id = producer_id, .ordinal = survey->ordinal, .key = key};
    return 0;
}

static void note_holds(const struct noting *noting, struct survey_key *key, uint64_t ordinal)
{
    if (key == NULL)
        return;
    if (noting->is_kept)
        key->is_kept = true;
    else if (is_later(ordinal, key->last))
        key->last = ordinal;
}

static int note_record(void *context, const struct record *record, struct error *error)
{
    const struct noting *noting = context;
    struct takeover_survey *survey = noting->survey;
    struct survey_key *key = slice_is_null(record->key) ? NULL : find_key(survey, record->key);
    int rc = 0;
    if (key == NULL && !noting->is_kept && !slice_is_null(record->key)) {
        key = add_key(survey, record->key);
        rc = key != NULL ? 0 : -ENOMEM;
    }
    if (rc == 0 && noting->producer_id != BATCH_NO_PRODUCER_ID)
        rc = add_undecided(survey, noting->producer_id, key);
    else if (rc == 0)
        note_holds(noting, key, survey->ordinal);
    survey->ordinal++;
    return rc == 0 ? 0 : error_set_status(error, rc, "record %lld", (long long)record->offset);
}

static void decide(const struct noting *noting, const struct transaction_marker *marker)
{
    struct takeover_survey *survey = noting->survey;
    size_t left = survey->decided;
    for (size_t i = survey->decided; i < survey->undecided_count; i++) {
        const struct survey_undecided *undecided = &survey->undecided[i];
        if (undecided->producer_id != marker->producer_id)
            survey->undecided[left++] = *undecided;
        else if (marker->commit)
            note_holds(noting, undecided->key, undecided->ordinal);
    }
    survey->undecided_count = left;
}

static int note_batch(struct noting *noting, const struct batch_header *header, slice batch, struct error *error)
{
    struct transaction_marker marker;
    if (!batch_is_control(header)) {
        noting->producer_id = batch_is_transactional(header) ? header->producer_id : BATCH_NO_PRODUCER_ID;
        return log_walk_records(header, batch, noting->survey->memory, note_record, noting, error);
    }
    if (transaction_marker_parse(batch, header, &marker) == 0)
        decide(noting, &marker);
    return 0;
}

void survey_begin_partition(struct takeover_survey *survey)
{
    survey->decided = survey->undecided_count;
}

int survey_note_batch(struct takeover_survey *survey, const struct batch_header *header, slice batch,
                      struct error *error)
{
    struct noting noting = {.survey = survey};
    return note_batch(&noting, header, batch, error);
}

int survey_note_kept(struct takeover_survey *survey, const struct batch_header *header, slice batch,
                     struct error *error)
{
    struct noting noting = {.survey = survey, .is_kept = true};
    return note_batch(&noting, header, batch, error);
}

/* ---- the second reading ---- */

void survey_begin_again(struct takeover_survey *survey)
{
    survey->ordinal = 0;
    survey->next = 0;
}

bool survey_is_open(const struct takeover_survey *survey)
{
    return survey->next < survey->undecided_count && survey->undecided[survey->next].ordinal == survey->ordinal;
}

bool survey_wants(struct takeover_survey *survey, slice key, bool is_tombstone)
{
    const struct survey_key *found = slice_is_null(key) ? NULL : find_key(survey, key);
    bool is_open = survey_is_open(survey);
    uint64_t ordinal = survey->ordinal++;
    survey->next += is_open;
    if (found == NULL || is_tombstone)
        return false;
    return is_open ? is_later(ordinal, found->last) : ordinal == found->last && !found->is_kept;
}
