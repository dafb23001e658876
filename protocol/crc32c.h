/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of record batches and snapshots.
 *
 * crc32c(0, data, size) is the checksum; crc32c(crc, more, size) goes on from an earlier result. The processor's own
 * instructions are used where it has them. Which ones is asked on each call: the answer is a load or two away
 * (libgcc's CPU model, the loader's hardware capabilities), so nothing is cached here and nothing can race. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t size);

/* The methods behind it, for tests and benchmarks. */
enum crc32c_method {
    CRC32C_TABLE, /* any machine: four bytes a step, 4 KiB of tables */
    CRC32C_SSE42, /* x86-64 with SSE4.2 and PCLMULQDQ: three interleaved streams */
    CRC32C_ARMV8, /* AArch64 with the CRC32 extension: eight bytes a step */
    CRC32C_METHODS
};

bool crc32c_method_available(enum crc32c_method method);

/* The method must be available. */
uint32_t crc32c_by_method(enum crc32c_method method, uint32_t crc, const void *data, size_t size);
