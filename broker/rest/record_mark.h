/* Marks: what a stream says beside records. A line, message or event's data is then an object with "mark":
 *
 *     {"mark":"threshold"}                    all that was there when the reader came is behind it
 *     {"mark":"pulse","timestamp":"…"}        nothing else has come for as long as was asked for
 *     {"mark":"gap","topic_name":"t","partition_id":0,"from_offset":5,"to_offset":100}
 *                                             deleted before they were read; or, with to_offset below from_offset, the
 *                                             log has begun anew and is read from its start
 *     {"mark":"deleted","topic_name":"t","partition_id":0}
 *     {"mark":"error","error_code":50002,"message":"…"}   and the stream ends
 *
 * Events have the mark's name. A page tells of gaps in its metadata. */
#pragma once

#include "kafka/error_code.h"
#include "rest/reading.h"

void record_mark_threshold(enum record_output output, writer *w);
/* now: ms. */
void record_mark_pulse(enum record_output output, int64_t now, writer *w);
/* The id that an event gets says the positions. */
void record_mark_gap(const struct record_wish *wish, const struct reading_gap *gap, const int64_t *positions,
                     writer *w);
void record_mark_deleted(const struct record_wish *wish, int32_t part, const int64_t *positions, writer *w);
void record_mark_error(enum record_output output, int error_code, const char *message, writer *w);
