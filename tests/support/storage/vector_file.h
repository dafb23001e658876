/* Files made by Apache Kafka: tests/storage/vectors. */
#pragma once

#include "slice.h"

/* The whole file; free(data) after use. data == NULL when it is not there. */
slice vector_read(const char *name);
