/* A body of any size whose records go into one topic as they come: v3's records, one JSON behind the other, and NDJSON.
 *
 * With PRODUCE_REPORTS there is a report for each record, in their order, while the next ones still come. With
 * PRODUCE_SUMMARY one answer at the end says how many were written and where, and what became of those that were not
 * (the first hundred of them are listed). A line that is no record does not stop the others, nor does a record that the
 * topic refuses; what would fail all that follows does: the disk, memory, a value without end.
 *
 * What has come is written as soon as nothing else is under way, so a record that comes alone does not wait, and
 * together with others as soon as it is much. With an Idempotency-Key only the latter, or the request sent again would
 * not have the same batches. */
#pragma once

#include "http/exchange.h"

enum produce_answer { PRODUCE_REPORTS, PRODUCE_SUMMARY };

/* For routes with `begin`, whose parameter `acks` is that of produce_call.h. Records that name no partition go to
 * `partition`; -1: wherever they belong. */
void produce_stream_begin(struct http_exchange *exchange, enum produce_answer answer, slice topic, int32_t partition);

/* The answer of PRODUCE_SUMMARY, for /openapi.json. */
#define PRODUCE_SUMMARY_SCHEMA                                                                                         \
    "{\"type\":\"object\",\"required\":[\"topic_name\",\"records\",\"partitions\",\"failed\",\"failures\"],"           \
    "\"properties\":{\"topic_name\":{\"type\":\"string\"},\"records\":{\"type\":\"integer\"},\"partitions\":{"         \
    "\"type\":"                                                                                                        \
    "\"array\",\"items\":{\"type\":\"object\"}},\"failed\":{\"type\":\"integer\"},\"failures\":{\"type\":\"array\","   \
    "\"items\":{\"type\":\"object\"}}}}"
