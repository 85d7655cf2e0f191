/* A process that writes a checkpoint is killed behind its k-th system call, for every k: the run has the old checkpoint
 * or the new one, and can go on.
 */
#include "scene.h"

#include <signal.h>
#include <sys/wait.h>

/* in a process of its own; true when it was killed */
static bool save_and_die(int64_t tick, int64_t k)
{
    int how = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        fault_arm_kill(k);
        _exit(scene_save(tick) == RV_OK ? 0 : 1);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(child, &how, 0), child);
    if (WIFEXITED(how))
        CU_ASSERT_EQUAL(WEXITSTATUS(how), 0);
    return WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
}

static void kill_each(int n, const int64_t *ticks, bool is_spoilt, int64_t old)
{
    int64_t k = 1;
    int n_old = 0;
    int n_new = 0;
    for (;; k++) {
        scene_fresh(n, ticks);
        if (is_spoilt)
            scene_spoil(20);
        if (!save_and_die(20, k))
            break;
        int64_t tick = scene_find();
        n_old += tick == old;
        n_new += tick == 20;
        if (tick != old && tick != 20)
            printf("\n    killed behind call %lld: found %lld\n", (long long)k, (long long)tick);
        rv_status again = scene_save(20); /* the run that goes on */
        CU_ASSERT(again == RV_OK || (again == RV_E_EXISTS && tick == 20));
        CU_ASSERT_EQUAL(scene_find(), 20);
    }
    printf("\n    record: %lld calls: %d times the old one, %d times the new one  ", (long long)k - 1, n_old, n_new);
    CU_ASSERT_EQUAL(n_old + n_new, k - 1);
    CU_ASSERT(n_old > 10 && n_new > 0);
    CU_ASSERT_EQUAL(scene_find(), 20);
}

static void first(void)
{
    kill_each(0, NULL, false, SCENE_NONE);
}

static void with_pruning(void)
{
    kill_each(2, (const int64_t[]){5, 10}, false, 10);
}

static void over_a_bad_one(void)
{
    kill_each(2, (const int64_t[]){10, 20}, true, 10);
}

int main(void)
{
    const CU_TestInfo cases[] = {{"the first checkpoint", first},
                                 {"one that lets an older one go", with_pruning},
                                 {"one over a bad one", over_a_bad_one},
                                 CU_TEST_INFO_NULL};
    return scene_main("killed behind every call of a commit", cases);
}
