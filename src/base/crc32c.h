/* crc32c.h - CRC-32C (Castagnoli; RFC 3720, appendix B.4), by the processor's instruction (SSE4.2). */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** Of bytes that come in pieces: crc is 0 before the first piece, then what the last call returned. */
uint32_t rv_crc32c(uint32_t crc, const void *bytes, size_t n);
