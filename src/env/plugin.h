/* plugin.h - a user's own environment as a shared library (reverie_env.h), each in a process of its own.
 *
 * A name that ends in ".so" belongs to this family. The library is never loaded by a process of the run: a child is
 * started, this same program with the hidden command `env-child`, which loads it and answers one call at a time over
 * shared memory (plugin_private.h). Neither has a name anywhere: the memory is handed over as a descriptor, and the
 * child dies with the thread that started it, so that nothing is left behind whoever is killed.
 *
 *   sizes, help     rv_env_register asks a child, which is gone afterwards
 *   begin, step     set the child going; wait for it: the children of several environments step side by side
 *   a failure       RV_E_ENV with the file's name and what happened; the child is killed and reaped, and the next reset
 *                   or load starts another
 *
 * What a call costs beside the plug-in's own work (tests/bench/run env/plugin --wall): 0.2 us where both processes have
 * a core, and about 5 us, two switches, where they share one or the child took longer than RV_HANDOVER_SPIN_S, so that
 * its parent sleeps. A child that has died is noticed within 50 ms.
 *
 * What the child says is trusted no further than it is checked. Its sizes are read once, when it is described, copied
 * and bounded; every later child must say the same. Lengths and places in the shared memory are this program's own, and
 * the memory cannot be shrunk or grown. The observation is copied before it is looked at. Texts are cut and made
 * printable. Observation and reward must be finite (env.c), and words behind both buffers, set before, must still be
 * there. A state is bytes to us. A child that writes over the numbers of the hand-over only makes its own calls time
 * out. */
#pragma once
#include "base/status.h"

/** The program that knows the command env-child, "/proc/self/exe" in reverie itself; the text stays the caller's. There
 * is no default, so that no other program starts copies of itself. */
void rv_plugin_set_program(const char *path);

/** Be a child: serve the shared memory behind the descriptor until the parent ends.
 * @return RV_OK; RV_E_USAGE (this is no descriptor of ours: nobody types this command); RV_E_OS */
rv_status rv_plugin_serve(int descriptor);
