#include "kafka/feature_versions.h"

static const struct kafka_feature list[] = {
    {"group.version", 1},       /* the consumer protocol (KIP-848) */
    {"metadata.version", 30},   /* 4.3: consoles show it as the server's version */
    {"transaction.version", 2}, /* an epoch for each transaction (KIP-890) */
};

size_t kafka_features(const struct kafka_feature **features)
{
    *features = list;
    return sizeof list / sizeof list[0];
}
