/* log.h - messages for people, on stderr, each line prefixed with who says it: "[rank 3 model]".
 *
 * Levels: error = the run ends; warn = the run goes on, somebody should look; info = milestones of a run;
 * debug = for developers. Text is lower case, one line, and says the exact cause.
 */
#pragma once
#include <stdbool.h>

typedef enum rv_log_level { RV_LOG_ERROR, RV_LOG_WARN, RV_LOG_INFO, RV_LOG_DEBUG } rv_log_level;

/** Messages above the level are dropped; RV_LOG_INFO unless set (environment variable REVERIE_LOG). */
void rv_log_set_level(rv_log_level level);

/** The prefix of this process ("rank 3 model"); "" for none. Copied. */
void rv_log_set_prefix(const char *prefix);

/** Whether standard error is a terminal that shows a line of progress without an end: messages are then written over
 * it, and it comes back below them. */
void rv_log_set_over_line(bool is_over);

/** A fixed text, at level info; may be called from a signal handler. */
void rv_log_note(const char *text);

void rv_log(rv_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define rv_error_log(...) rv_log(RV_LOG_ERROR, __VA_ARGS__)
#define rv_warn(...)      rv_log(RV_LOG_WARN, __VA_ARGS__)
#define rv_info(...)      rv_log(RV_LOG_INFO, __VA_ARGS__)
#define rv_debug(...)     rv_log(RV_LOG_DEBUG, __VA_ARGS__)

/** Print the error record of this thread: its text, and at debug level its frames. */
void rv_log_error_record(void);
