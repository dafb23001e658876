/* What workload_model.c and workload_recovered.c share. */
#pragma once

#include "workload_model.h"

/* The batch that holds the offset, or comes next; the count when there is none. */
size_t model_find_batch(const struct model *m, int64_t offset);
/* Nothing of it must be there, from `offset` on. */
bool model_may_be_missing(const struct model *m, const struct model_batch *batch, int64_t offset);
bool model_check_batch(struct model *m, const struct model_batch *expected, const struct batch_header *header,
                       slice batch);
bool model_same_content(const struct batch_header *a, const struct batch_header *b);
