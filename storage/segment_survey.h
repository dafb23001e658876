/* A walk over a segment that steps over what is wrong: every byte of it belongs to a batch that is right, by its form,
 * its place and its CRC, or to a stretch that is none. It never gives up what is good behind what is bad. */
#pragma once

#include "segment.h"

struct segment_stretch {
    bool is_batch;
    bool is_unreadable; /* the disk fails there: nothing behind it in this segment was looked at */
    uint32_t position;
    uint32_t size;              /* bytes */
    struct batch_header header; /* of a batch */
    struct error why;           /* it is none */
};

/* 1 with the next stretch, 0 at the end. The scan's end_offset is that of the segment: what is at or past it is out of
 * place. Errors: -ENOMEM. */
MUST_USE int segment_survey_next(struct segment_scan *scan, struct segment_stretch *stretch, struct error *error);
