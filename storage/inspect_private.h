/* What inspecting and repairing share. */
#pragma once

#include "epochs.h"
#include "index_follow.h"
#include "inspect.h"
#include "segment_survey.h"

/* What a walk over one segment found. */
struct segment_verdict {
    uint32_t size;
    uint32_t bad_stretches;
    uint32_t good_end;  /* position behind the last batch that is right */
    int64_t end_offset; /* behind it; the segment's base when there is none */
    int32_t largest_epoch;
    bool is_unreadable;
    bool offsets_wrong; /* the offset index: missing, or not what the batches say */
    bool times_wrong;
    bool has_markers; /* of transactions */
};

/* Which batches' epochs are plausible: they never go back, and are what the checkpoint says. Behind the recovery point
 * of an unclean stop the checkpoint may lack the newest, but none that is above the data folder's. */
struct epoch_judge {
    const struct epochs *epochs; /* of the checkpoint */
    int64_t known_to;            /* before this offset the checkpoint lacks nothing */
    int32_t largest;
    int32_t seen;
};

void epoch_judge_init(struct epoch_judge *judge, const struct epochs *epochs, const struct inspection *inspection,
                      const struct inspect_known *known);
/* False: wrong. The batches come in order. */
bool epoch_judge_takes(struct epoch_judge *judge, const struct batch_header *header);

/* For each stretch, in order. A non-zero return ends the walk. */
typedef int segment_stretch_callback(void *context, const struct segment_stretch *stretch);

struct log_folder;

/* wrong->code is 0 when the segment's transaction index is what the batches say. Errors: -ENOMEM, the disk's. */
MUST_USE int inspect_aborted(struct disk *disk, struct memory *memory, const char *folder,
                             const struct log_folder *found, int64_t base_offset, int64_t end_offset,
                             struct error *wrong, struct error *error);

/* end_offset: of the segment, exclusive; INT64_MAX for the last. follow holds what is said of the indexes; it needs no
 * more of the caller. With is_swap the segment is the one that a compaction has announced (log_swap.h): its indexes may
 * have any names by now, and are not looked at. */
MUST_USE int inspect_segment(struct inspection *inspection, const char *folder, int64_t base_offset, int64_t end_offset,
                             bool is_swap, segment_stretch_callback *callback, void *context,
                             struct segment_verdict *verdict, struct index_follow *follow, struct error *error);
