#include "base/file.h"
#include "roles/ledger.h"
#include "rv_test.h"

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/rv_test_ledger_XXXXXX";

#define RANK(tick, step, unit, values)                                                                                 \
    "{\"tick\":" #tick ",\"step\":" #step ",\"role\":\"rank\",\"unit\":" #unit ",\"rank\":" #unit ",\"wall\":1" values \
    "}\n"
#define WHOLE(work, wait, exchange)                                                                                    \
    ",\"time/work_s\":" #work ",\"time/wait_s\":" #wait ",\"time/exchange_s\":" #exchange
#define POLICY(work, wait, exchange)                                                                                   \
    ",\"time/work_policy_s\":" #work ",\"time/wait_policy_s\":" #wait ",\"time/exchange_policy_s\":" #exchange
#define MODEL(work) ",\"time/work_model_s\":" #work ",\"time/wait_model_s\":0,\"time/exchange_model_s\":0"

static const char text[] = "{\"tick\":0,\"step\":50,\"role\":\"actor\",\"unit\":0,\"rank\":0,\"wall\":1}\n" RANK(
    0, 50, 0, WHOLE(1, 2, 4) MODEL(1)) RANK(0, 50, 2, WHOLE(8, 0, 0))
    RANK(1, 100, 0, WHOLE(1, 0.5, 0.25) POLICY(0.5, 0.25, 0.125)) RANK(1, 100, 2, WHOLE(16, 0, 0) MODEL(2));

static bool is_times(const rv_times *t, double work, double wait, double exchange)
{
    return t->work == work && t->wait == wait && t->exchange == exchange;
}

static void read_text(const char *bytes, int64_t from, rv_ledger *out)
{
    RV_TEST_OK(rv_file_write(path, bytes, strlen(bytes)));
    RV_TEST_OK(rv_ledger_read(path, from, out));
}

static void ticks_add_up(void)
{
    rv_ledger l;
    read_text(text, -1, &l);
    CU_ASSERT(l.first_tick == 0 && l.last_tick == 1 && l.first_step == 50 && l.last_step == 100);
    CU_ASSERT_EQUAL_FATAL(l.n_ranks, 3);
    CU_ASSERT(l.ranks[0].n_ticks == 2 && l.ranks[1].n_ticks == 0 && l.ranks[2].n_ticks == 2);
    CU_ASSERT(is_times(&l.ranks[0].all, 2, 2.5, 4.25));
    CU_ASSERT(is_times(&l.ranks[2].all, 24, 0, 0));
    CU_ASSERT(l.ranks[0].hosts[RV_POLICY] && l.ranks[0].hosts[RV_MODEL] && !l.ranks[0].hosts[RV_ACTOR]);
    CU_ASSERT(is_times(&l.ranks[0].of_role[RV_POLICY], 0.5, 0.25, 0.125));
    CU_ASSERT(!l.ranks[2].hosts[RV_POLICY] && is_times(&l.ranks[2].of_role[RV_MODEL], 2, 0, 0));
    rv_ledger_clear(&l);
    read_text(text, 50, &l); /* the first tick ends there */
    CU_ASSERT(l.first_tick == 1 && l.ranks[0].n_ticks == 1 && !l.ranks[0].hosts[RV_MODEL]);
    CU_ASSERT(is_times(&l.ranks[0].all, 1, 0.5, 0.25));
    rv_ledger_clear(&l);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static rv_status read_again(const char *bytes)
{
    rv_ledger l;
    RV_TRY(rv_file_write(path, bytes, strlen(bytes)));
    RV_TRY(rv_ledger_read(path, -1, &l));
    rv_ledger_clear(&l);
    return RV_OK;
}

static void what_is_refused(void)
{
    rv_ledger l;
    RV_TEST_OK(rv_file_write(path, text, strlen(text)));
    RV_TEST_FAILS(rv_ledger_read(path, 100, &l), RV_E_NOINPUT, "no tick after step 100");
    RV_TEST_FAILS(rv_ledger_read("/nowhere/metrics.jsonl", -1, &l), RV_E_NOINPUT, "/nowhere/metrics.jsonl");
    RV_TEST_FAILS(read_again(RANK(0, 50, 70000, WHOLE(1, 1, 1))), RV_E_DATA, "no rank 70000");
    RV_TEST_FAILS(read_again(RANK(0, 50, 0, WHOLE(1, 1, 1)) RANK(0, 50, 1, MODEL(1))), RV_E_DATA,
                  "rank 1: expected numbers in time/work_s");
    RV_TEST_FAILS(read_again(""), RV_E_NOINPUT, "no tick");
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void make_file(void)
{
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
}

static void remove_file(void)
{
    CU_ASSERT_EQUAL(unlink(path), 0);
}

RV_TEST_MAIN("ledger", {"make file", make_file}, {"ticks add up", ticks_add_up}, {"what is refused", what_is_refused},
             {"remove file", remove_file})
