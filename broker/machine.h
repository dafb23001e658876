/* What the machine has, for defaults that follow its size. */
#pragma once

#include <stdint.h>

struct machine {
    uint64_t memory_bytes; /* that this process may use: the machine's, or the control group's limit when smaller */
    unsigned cores;
};

struct machine machine_measure(void);
