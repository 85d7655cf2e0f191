/* stacks.h - the stack of every thread of this process, for people: where it hangs. */
#pragma once
#include <stdbool.h>

/** To be called once before, while nothing hangs: sets a signal handler (SIGRTMAX - 2). */
void rv_stacks_prepare(void);

/** Write what each thread does to a file: its name, its state, its frames. A thread that does not answer within part of
 * a second, because it blocks the signal or is inside the kernel, is told with what the system says of it. May be
 * called from any thread; takes no memory. */
void rv_stacks_write(int fd);

/** Write what the system tells of another process, whose stack cannot be had from outside. @param[in] is_here whether
 * it is on this machine */
void rv_stacks_note(int fd, long pid, bool is_here);

/** State of a process of this machine, as /proc has it: 'R', 'S', 'D', 'T' (stopped), ...; 0: there is none. */
char rv_process_state(long pid);
