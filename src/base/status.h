/* status.h - status codes, and the one record that says what went wrong.
 *
 * Every function that can fail returns rv_status. The function that first knows what is wrong raises it
 * (RV_CHECK, rv_raise); the callers above only pass it on (RV_TRY, RV_TRY_GOTO), each adding one frame.
 * Nothing is printed at the raise: the record stays in thread-local storage until somebody who decides
 * (the tick loop, the command line, a test) reads it with rv_error_last().
 * Outputs of a function are written only when it succeeds.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* name, process exit code (sysexits.h where it has one), meaning */
// clang-format off
#define RV_STATUS_MAP(X)                                                              \
    X(RV_OK,             0, "success")                                                \
    X(RV_E_DIFFERS,      1, "the things compared differ, or a check failed")          \
    X(RV_E_USAGE,       64, "the command line is wrong")                              \
    X(RV_E_DATA,        65, "a file's content is wrong or corrupt")                   \
    X(RV_E_NOINPUT,     66, "a file or run does not exist or cannot be read")         \
    X(RV_E_UNAVAILABLE, 69, "a program, library or processor feature is missing")     \
    X(RV_E_ENV,         69, "an environment of the user's own failed, too often")     \
    X(RV_E_INTERNAL,    70, "a bug in reverie")                                       \
    X(RV_E_OS,          71, "the operating system refused")                           \
    X(RV_E_NOMEM,       71, "out of memory")                                          \
    X(RV_E_EXISTS,      73, "the output exists already or cannot be created")         \
    X(RV_E_IO,          74, "reading or writing failed")                              \
    X(RV_E_STOPPED,     75, "stopped on request; train --resume goes on from here")   \
    X(RV_E_AGAIN,       75, "interrupted; train --resume tries again from the last checkpoint")          \
    X(RV_E_PROTOCOL,    76, "a message between ranks is malformed")                   \
    X(RV_E_NONFINITE,   76, "a number is not finite")                                 \
    X(RV_E_CONFIG,      78, "the configuration is wrong")
// clang-format on

typedef enum rv_status {
#define RV_STATUS_ENUM(name, exit_code, text) name,
    RV_STATUS_MAP(RV_STATUS_ENUM)
#undef RV_STATUS_ENUM
        RV_N_STATUS
} rv_status;

enum { RV_ERROR_TEXT = 1024, RV_ERROR_FRAMES = 16 };

/** The last error of this thread. */
typedef struct rv_error {
    rv_status status;
    char text[RV_ERROR_TEXT]; /* one line: what, where, what was expected, what to do */
    int n_frames;
    struct {
        const char *func, *file;
        int line;
    } frames[RV_ERROR_FRAMES]; /* [0] is where it was raised */
} rv_error;

/** Name ("RV_E_DATA"), meaning and process exit code of a status. Never NULL. */
const char *rv_status_name(rv_status status);
const char *rv_status_text(rv_status status);
int rv_status_exit_code(rv_status status);

/** The record of this thread's last raise; status RV_OK when there was none. Valid until the next raise. */
const rv_error *rv_error_last(void);

/** Record an error and return its status; use the macro, which fills in the place. */
rv_status rv_raise_at(const char *func, const char *file, int line, rv_status status, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/** Add a frame to the record of an error that is being passed on; returns status. */
rv_status rv_trace_at(const char *func, const char *file, int line, rv_status status);

/** Put "text: " before the text of the record (a file name, a unit) while passing an error on; returns status. */
rv_status rv_error_prefix(rv_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* returns the status that was written at the raise, so that compilers and analyzers see that it is not RV_OK */
static inline rv_status rv_raised(rv_status recorded, rv_status status)
{
    (void)recorded;
    return status;
}
#define rv_raise(status, ...) rv_raised(rv_raise_at(__func__, __FILE__, __LINE__, (status), __VA_ARGS__), (status))

/** Return an error unless cond holds; always on, for inputs, files, messages and peers. */
#define RV_CHECK(cond, status, ...)                                                                                    \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            return rv_raise((status), __VA_ARGS__);                                                                    \
    } while (0)

/** Pass an error on. */
#define RV_TRY(expr)                                                                                                   \
    do {                                                                                                               \
        rv_status rv_try_status_ = (expr);                                                                             \
        if (rv_try_status_ != RV_OK) {                                                                                 \
            rv_trace_at(__func__, __FILE__, __LINE__, rv_try_status_);                                                 \
            return rv_try_status_;                                                                                     \
        }                                                                                                              \
    } while (0)

/** Pass an error on through a clean-up label; needs a local `rv_status status`. */
#define RV_TRY_GOTO(expr, label)                                                                                       \
    do {                                                                                                               \
        status = (expr);                                                                                               \
        if (status != RV_OK) {                                                                                         \
            rv_trace_at(__func__, __FILE__, __LINE__, status);                                                         \
            goto label;                                                                                                \
        }                                                                                                              \
    } while (0)
#define RV_CHECK_GOTO(cond, code, label, ...)                                                                          \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            status = rv_raise((code), __VA_ARGS__);                                                                    \
            goto label;                                                                                                \
        }                                                                                                              \
    } while (0)
