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
};

/* For each stretch, in order. A non-zero return ends the walk. */
typedef int segment_stretch_callback(void *context, const struct segment_stretch *stretch);

/* end_offset: of the segment, exclusive; INT64_MAX for the last. follow holds what is said of the indexes; index_follow
 * needs no more of the caller. */
MUST_USE int inspect_segment(struct inspection *inspection, const char *folder, int64_t base_offset, int64_t end_offset,
                             segment_stretch_callback *callback, void *context, struct segment_verdict *verdict,
                             struct index_follow *follow, struct error *error);

PRINTF_LIKE(4, 5)
int inspect_tell(struct inspection *inspection, enum finding_level level, const char *path, const char *format, ...);
int inspect_tell_at(struct inspection *inspection, const struct finding *finding);
