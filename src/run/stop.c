#include "run/stop.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t requested;
static bool tells_user;

static void on_signal(int number)
{
    (void)number;
    if (tells_user && !requested)
        rv_log_note(RV_STOP_NOTE);
    requested = 1;
}

void rv_stop_watch_signals(bool tells)
{
    struct sigaction old;
    tells_user = tells;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags |= (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
}

bool rv_stop_requested(void)
{
    return requested;
}

rv_stop rv_stop_look(const rv_stop_limits *limits, int64_t step)
{
    char path[RV_PATH];
    if (requested)
        return RV_STOP_SIGNAL;
    if (!limits)
        return RV_STOP_NO;
    if (rv_path_join(limits->run_dir, "stop", path) == RV_OK && access(path, F_OK) == 0)
        return RV_STOP_FILE;
    if (rv_clock_unix() >= limits->unix_s)
        return RV_STOP_TIME;
    return step >= limits->step ? RV_STOP_STEPS : RV_STOP_NO;
}

void rv_stop_forget(const rv_stop_limits *limits)
{
    char path[RV_PATH];
    if (rv_path_join(limits->run_dir, "stop", path) == RV_OK)
        unlink(path);
}

const char *rv_stop_text(rv_stop reason)
{
    static const char *const texts[] = {
        [RV_STOP_NO] = "",
        [RV_STOP_STEPS] = "as supervisor.stop_after_steps says",
        [RV_STOP_TIME] = "as supervisor.stop_after_s says",
        [RV_STOP_FILE] = "as its file 'stop' asked",
        [RV_STOP_SIGNAL] = "as asked",
    };
    return texts[reason];
}
