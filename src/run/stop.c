#include "run/stop.h"

#include "base/log.h"

#include <signal.h>
#include <stddef.h>

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
