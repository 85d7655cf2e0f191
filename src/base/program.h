/* program.h - other people's programs (gnuplot, ffmpeg): started, fed from and written to files in memory, waited for.
 */
#pragma once
#include "base/status.h"

#include <sys/types.h>

enum { RV_PROGRAM_FILES = 4 };

/** A nameless file in memory, at its start, closed in children. @param[in] bytes (n) what it holds
 * @param[out] out a file descriptor @return RV_OK; RV_E_OS */
rv_status rv_memory_file(const char *bytes, size_t n, int *out);

/** The whole of it, with a NUL after its last byte; the caller frees *out (rv_mem_free).
 * @return RV_OK; RV_E_DATA (more than most bytes); RV_E_OS; RV_E_NOMEM */
rv_status rv_memory_file_read(int fd, size_t most, char **out, size_t *n_out);

/** Start a program found on the PATH. words[0] is its name; NULL ends them. files: what its descriptors 0, 1, 2 and 3
 * are; -1: as ours. package: the Debian package that has it, for the message.
 * @return RV_OK; RV_E_UNAVAILABLE (it is not installed: the text says how to); RV_E_OS */
rv_status rv_program_start(const char *package, char *const *words, const int files[RV_PROGRAM_FILES], pid_t *out);

/** Wait for its end. @param[in] said the memory file of its descriptor 2
 * @return RV_OK; RV_E_UNAVAILABLE "gnuplot failed (exit code 1): ..." with what it said; RV_E_OS; RV_E_NOMEM */
rv_status rv_program_wait(const char *name, pid_t program, int said);
