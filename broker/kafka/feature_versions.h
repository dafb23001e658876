/* The features of the cluster (KIP-584): what clients and tools go by beside the versions of the APIs. Each has one
 * version here, which is both what is supported and what holds. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct kafka_feature {
    const char *name;
    int16_t version;
};

size_t kafka_features(const struct kafka_feature **features);
