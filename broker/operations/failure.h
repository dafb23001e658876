/* What a failure inside is called outside: status codes as Kafka's error codes. */
#pragma once

#include "kafka/error_code.h"
#include "status.h"

/* KAFKA_NONE for 0. The disk's failures and a lack of memory become KAFKA_KAFKA_STORAGE_ERROR: clients try again. */
enum kafka_error failure_code(int status);
