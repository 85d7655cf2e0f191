#include "base/file.h"
#include "env/reference.h"
#include "rv_test.h"

static const char head[] = "# env=Pendulum-v1.sin numpy=1\n# init_state=0.5,0\n# a note\n";
static const char columns[] = "t,terminated,reward,a0,o0,o1,o2,s0,s1\n";
static const char row1[] = "1,0,-0.25,0,1,0,0,0.5,0\n";

static rv_status parse(const char *a, const char *b, const char *c, rv_reference **out)
{
    char text[1024];
    int n = snprintf(text, sizeof text, "%s%s%s", a, b, c);
    return rv_reference_parse("f.csv", text, (size_t)n, out);
}

static void reads(void)
{
    rv_reference *r = NULL;
    RV_TEST_OK(parse(head, columns, "1,0,-0.25,3e-1,1,0,-0.0,0.5,0\n2,1,-1,.5,0,0,0,0,1e-3", &r));
    CU_ASSERT_STRING_EQUAL(r->env, "Pendulum-v1");
    CU_ASSERT_EQUAL(r->n_start, 2);
    CU_ASSERT_EQUAL(r->start[0], 0.5);
    CU_ASSERT_EQUAL(r->n_rows, 2);
    CU_ASSERT_EQUAL(r->n_cols, 9);
    CU_ASSERT_EQUAL(r->first_line, 5);
    CU_ASSERT_EQUAL(r->group[RV_REFERENCE_OBS].first, 4);
    CU_ASSERT_EQUAL(r->group[RV_REFERENCE_OBS].n, 3);
    CU_ASSERT_EQUAL(r->group[RV_REFERENCE_MODEL_DONE].n, 0);
    CU_ASSERT(signbit(r->values[6]));
    CU_ASSERT_EQUAL(r->values[17], 1e-3);
    rv_reference_destroy(&r);
    RV_TEST_OK(parse("# env=X\n# init_qpos=1\n# init_qvel=2,3\n", "t,terminated,mbpo_done,reward,a0,o0,q0,v0,v1\n",
                     "0,0,-1,0,0,1,1,2,3\n1,0,1,0,0,1,1,2,3\n", &r));
    CU_ASSERT_EQUAL(r->start[2], 3);
    CU_ASSERT_EQUAL(r->group[RV_REFERENCE_VEL].n, 2);
    rv_reference_destroy(&r);
}

static void refuses(void)
{
    static const struct {
        const char *a, *b, *c, *text;
    } bad[] = {
        {"", "", "", "f.csv:1:1: expected '# env=NAME'"},
        {"t,terminated\n", "", "", "f.csv:1:1: expected '# env=NAME' or '# NAME: ...', got 't'"},
        {"# env= x\n", "", "", "f.csv:1:7: expected the name of a task"},
        {"# env=X\n", "", "", "f.csv:2:1: expected '# init_qpos='"},
        {"# env=X\n# init_qpos=1\n", columns, row1, "f.csv:3:1: expected '# init_qpos='"},
        {"# env=X\n# init_qvel=1\n", columns, row1, "f.csv:2:1: expected init_qpos, then init_qvel"},
        {"# env=X\n# init_state=1,2\n# init_qpos=1\n", columns, row1, "f.csv:3:1: expected init_qpos"},
        {"# env=X\n# init_state=1,\n", columns, row1, "f.csv:2:16: expected a finite number, got ''"},
        {head, "", "", "f.csv:4:1: expected the names of the columns, got the end"},
        {head, "t,reward,terminated,a0,o0,s0,s1\n", row1, "f.csv:4:10: unexpected column 'terminated'"},
        {head, "t,terminated,reward,a0,o0,o2,s0,s1\n", row1, "f.csv:4:27: unexpected column 'o2'"},
        {head, "t,terminated,reward,a0,s0,s1\n", row1, "f.csv:4:1: no column 'o0'"},
        {head, "t,terminated,reward,a0,o0\n", row1, "f.csv:4:1: expected columns q0.. and v0.."},
        {head, "t,terminated,reward,a0,o0,v0,v1\n", row1, "f.csv:4:1: expected columns q0.. and v0.."},
        {head, "t,terminated,reward,a0,o0,s0\n", row1, "f.csv:4:1: 1 columns of state, but the start has 2 numbers"},
        {head, columns, "", "f.csv:5:1: expected at least one step"},
        {head, columns, "0,0,0,0,1,0,0,0.5,0\n", "f.csv:6:1: expected at least one step"},
        {head, columns, "2,0,0,0,1,0,0,0.5,0\n", "f.csv:5:1: expected t to count up"},
        {head, columns, "1,0,0,0,1,0,0,0,0\n3,0,0,0,1,0,0,0,0\n", "f.csv:6:1: expected t to count up"},
        {head, columns, "1,2,0,0,1,0,0,0.5,0\n", "f.csv:5:3: expected terminated to be 0 or 1"},
        {head, columns, "1,0,x,0,1,0,0,0.5,0\n", "f.csv:5:5: expected a finite number, got 'x'"},
        {head, columns, "1,0,nan,0,1,0,0,0.5,0\n", "f.csv:5:5: expected a finite number, got 'nan'"},
        {head, columns, "1,0,0x1,0,1,0,0,0.5,0\n", "f.csv:5:5: expected a finite number"},
        {head, columns, "1,0,1e999,0,1,0,0,0.5,0\n", "f.csv:5:5: expected a finite number"},
        {head, columns, "1,0, 1,0,1,0,0,0.5,0\n", "f.csv:5:5: expected a finite number"},
        {head, columns, "1,0,1.2.3,0,1,0,0,0.5,0\n", "f.csv:5:5: expected a finite number"},
        {head, columns, "1,0,0,0,1,0,0,0.5\n", "f.csv:5:18: expected 9 columns, or the first 4, got fewer"},
        {head, columns, "1,0,0,0,1,0,0,0.5,0,7\n", "f.csv:5:20: expected 9 columns, or the first 4, got more"},
        {head, columns, "1,0,0\n", "f.csv:5:6: expected 9 columns, or the first 4, got fewer"},
        {head, columns, "1,0,0,0,\n", "f.csv:5:9: expected a finite number, got ''"},
        {head, columns, "1,0,0,0\n2,0,0,0", "f.csv:7:1: expected at least one row of all columns, got the end"},
        {head, columns, "1,0,0,0,1,0,0,0.5,0\n\n", "f.csv:6:1: expected a finite number, got ''"},
        {head, columns, "1,0,0,0,1,0,0,0.5,0\r\n", "f.csv:5:19: expected a finite number"},
    };
    int64_t blocks = rv_mem_blocks();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rv_reference *r = NULL;
        RV_TEST_FAILS(parse(bad[i].a, bad[i].b, bad[i].c, &r), RV_E_DATA, bad[i].text);
        CU_ASSERT_PTR_NULL(r);
    }
    rv_reference *r = NULL;
    const char with_nul[] = "# env=Pendulum-v1\n# init_state=0.5,0\n\0";
    RV_TEST_FAILS(rv_reference_parse("f.csv", with_nul, sizeof with_nul - 1, &r), RV_E_DATA, "f.csv:3:1");
    RV_TEST_FAILS(rv_reference_read("/does/not/exist.csv", &r), RV_E_NOINPUT, "/does/not/exist.csv");
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

static const char tabular[] = "# CliffWalking: a note\n# another\nkind,t,action,u,state,reward,terminated\n";

static void tabular_files(void)
{
    rv_reference *r = NULL;
    rv_reference_report report;
    RV_TEST_OK(parse(tabular, "reset,0,-1,0.5,36,0,0\nstep,1,0,0.25,24,-1,0\n",
                     "step,2,2,0\nreset,2,-1,0\nstep,3,1,0.999,36,-100.0,0\n", &r));
    CU_ASSERT_STRING_EQUAL(r->env, "CliffWalking-v1");
    CU_ASSERT(r->is_tabular && r->n_rows == 5 && r->n_cols == 7 && r->n_start == 0 && r->first_line == 4);
    CU_ASSERT_EQUAL(rv_reference_row(r, 1)[r->group[RV_REFERENCE_KIND].first], 1);
    CU_ASSERT_EQUAL(rv_reference_row(r, 4)[r->group[RV_REFERENCE_RANDOM].first], 0.999);
    CU_ASSERT_EQUAL(rv_reference_given(r, 3), 4);
    RV_TEST_OK(rv_reference_replay(r, &report));
    CU_ASSERT(report.is_equal && report.n_steps == 3);
    CU_ASSERT_EQUAL(report.match[RV_REFERENCE_OBS].n_compared, 3);
    CU_ASSERT_EQUAL(report.match[RV_REFERENCE_REWARD].n_compared, 3);
    CU_ASSERT_EQUAL(report.match[RV_REFERENCE_KIND].n_compared, 0);
    /* each kind of difference is found; the reset counts */
    rv_reference_row(r, 4)[r->group[RV_REFERENCE_OBS].first] = 37;
    RV_TEST_OK(rv_reference_replay(r, &report));
    const rv_reference_match *m = &report.match[RV_REFERENCE_OBS];
    CU_ASSERT(!report.is_equal && m->t == 3 && m->line == 8 && m->expected == 37 && m->got == 36);
    CU_ASSERT_STRING_EQUAL(m->column, "state");
    CU_ASSERT(report.match[RV_REFERENCE_REWARD].is_equal && report.match[RV_REFERENCE_TERMINATED].is_equal);
    rv_reference_row(r, 4)[r->group[RV_REFERENCE_OBS].first] = 36;
    rv_reference_row(r, 3)[r->group[RV_REFERENCE_KIND].first] = 1; /* a step in its place stays on the start */
    rv_reference_row(r, 3)[r->group[RV_REFERENCE_ACTION].first] = 0;
    RV_TEST_OK(rv_reference_replay(r, &report));
    CU_ASSERT(!report.is_equal && report.match[RV_REFERENCE_OBS].t == 3);
    rv_reference_row(r, 2)[r->group[RV_REFERENCE_ACTION].first] = 9;
    RV_TEST_FAILS(rv_reference_replay(r, &report), RV_E_DATA, "line 6: CliffWalking-v1: action 9, expected a whole");
    rv_reference_destroy(&r);
    /* u decides where the task has chance, at the start too; our own names do as well */
    RV_TEST_OK(parse("# FrozenLake-v1: \n", "kind,t,action,u,state,reward,terminated\n",
                     "reset,0,-1,0,0,0,0\nstep,1,2,0.9,0,0,0\nstep,2,2,0.3,4,0,0\nstep,3,3,0.4,0,0,0", &r));
    RV_TEST_OK(rv_reference_replay(r, &report));
    CU_ASSERT(report.is_equal);
    rv_reference_destroy(&r);
    RV_TEST_OK(parse("# Taxi:\n", "kind,t,action,u,state,reward,terminated\n",
                     "reset,0,-1,0.501,248,0,0\nstep,1,4,0.5,248,-10,0", &r));
    RV_TEST_OK(rv_reference_replay(r, &report));
    CU_ASSERT(report.is_equal);
    rv_reference_destroy(&r);
}

static void refuses_tabular(void)
{
    static const struct {
        const char *rows, *text;
    } bad[] = {
        {"", "f.csv:4:1: expected at least one step"},
        {"reset,0,-1,0.5,36,0,0\n", "f.csv:5:1: expected at least one step"},
        {"reset,0,-1,0.5\nstep,1,0,0.5\n", "f.csv:6:1: expected at least one row of all columns"},
        {"step,1,0,0.5,36,0,0\n", "f.csv:4:1: expected reset in the first row, got 'step'"},
        {"rest,0,-1,0.5,36,0,0\n", "f.csv:4:1: expected reset or step, got 'rest'"},
        {",0,-1,0.5,36,0,0\n", "f.csv:4:1: expected reset or step, got ''"},
        {"reset,1,-1,0.5,36,0,0\n", "f.csv:4:7: expected t to be 0, got 1"},
        {"reset,0,0,0.5,36,0,0\n", "f.csv:4:9: expected the number of an action, or -1 where kind is reset, got 0"},
        {"reset,0,-1,1,36,0,0\n", "f.csv:4:12: expected u in [0, 1), got 1"},
        {"reset,0,-1,-0.1,36,0,0\n", "f.csv:4:12: expected u in [0, 1)"},
        {"reset,0,-1,0.5,36,0,2\n", "f.csv:4:21: expected terminated to be 0 or 1, got 2"},
        {"reset,0,-1,0.5,36,0\n", "f.csv:4:20: expected 7 columns, or the first 4, got fewer"},
        {"reset,0,-1\n", "f.csv:4:11: expected 7 columns, or the first 4, got fewer"},
        {"reset,0,-1,0.5,36,0,0,0\n", "f.csv:4:22: expected 7 columns, or the first 4, got more"},
        {"reset,0,-1,0.5,x,0,0\n", "f.csv:4:16: expected a finite number, got 'x'"},
        {"reset,0,-1,0.5,36,0,0\nstep,2,0,0.5\n", "f.csv:5:6: expected t to be 1, got 2"},
        {"reset,0,-1,0.5,36,0,0\nreset,1,-1,0.5\n", "f.csv:5:7: expected t to be 0, got 1"},
        {"reset,0,-1,0.5,36,0,0\nstep,1,-1,0.5\n", "f.csv:5:8: expected the number of an action"},
        {"reset,0,-1,0.5,36,0,0\nstep,1,0.5,0.5\n", "f.csv:5:8: expected the number of an action"},
    };
    int64_t blocks = rv_mem_blocks();
    rv_reference *r = NULL;
    rv_reference_report report;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        RV_TEST_FAILS(parse(tabular, bad[i].rows, "", &r), RV_E_DATA, bad[i].text);
    RV_TEST_FAILS(parse("# Taxi\n", "", "", &r), RV_E_DATA, "f.csv:1:1: expected '# env=NAME' or '# NAME: ...'");
    RV_TEST_FAILS(parse("# a taxi: note\n", "", "", &r), RV_E_DATA, "f.csv:1:1: expected '# env=NAME'");
    RV_TEST_FAILS(parse("# : note\n", "", "", &r), RV_E_DATA, "f.csv:1:3: expected the name of a task");
    RV_TEST_FAILS(parse("# Taxi: note\n", "", "", &r), RV_E_DATA, "f.csv:2:1: expected the names of the columns");
    RV_TEST_FAILS(parse("# Taxi: note\n", columns, "", &r), RV_E_DATA, "f.csv:2:1: expected the columns kind,t,");
    RV_TEST_FAILS(parse("# Taxi: note\n", "kind,t,action,u,state,reward,terminated,x\n", "", &r), RV_E_DATA,
                  "f.csv:2:1: expected the columns kind,t,");
    CU_ASSERT_PTR_NULL(r);
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
    RV_TEST_OK(parse("# Taxy-v4: note\n", tabular + 33, "reset,0,-1,0,1,0,0\nstep,1,0,0\n", &r));
    RV_TEST_FAILS(rv_reference_replay(r, &report), RV_E_CONFIG, "did you mean 'Taxi-v4'?");
    rv_reference_destroy(&r);
    RV_TEST_OK(parse("# Pendulum-v1: note\n", tabular + 33, "reset,0,-1,0,1,0,0\nstep,1,0,0\n", &r));
    RV_TEST_FAILS(rv_reference_replay(r, &report), RV_E_DATA, "Pendulum-v1 is no tabular task");
    rv_reference_destroy(&r);
    RV_TEST_OK(parse("# env=Taxi-v4\n# init_state=1,0\n", "t,terminated,reward,a0,o0,s0,s1\n", "1,0,-1,0,1,1,0\n", &r));
    RV_TEST_FAILS(rv_reference_replay(r, &report), RV_E_DATA,
                  "Taxi-v4 has 1 columns of random numbers, the file has 0");
    rv_reference_destroy(&r);
}

/* rows that end behind their actions are applied, and compared as far as they go */
static void short_rows(void)
{
    static const char start[] = "# env=Pendulum-v1\n# init_state=0,0\n";
    rv_reference *r = NULL;
    rv_reference_report report;
    RV_TEST_OK(parse(start, columns, "1,0,0,0\n2,0,-1,0\n3,0,0,0,1,0,0,0,0", &r));
    CU_ASSERT_EQUAL(r->n_rows, 3);
    CU_ASSERT_EQUAL(rv_reference_given(r, 1), 4);
    CU_ASSERT_EQUAL(rv_reference_given(r, 2), 9);
    CU_ASSERT_EQUAL(rv_reference_row(r, 1)[2], -1);
    CU_ASSERT_EQUAL(rv_reference_row(r, 2)[4], 1);
    RV_TEST_OK(rv_reference_replay(r, &report));
    CU_ASSERT_EQUAL(report.n_steps, 3);
    CU_ASSERT_EQUAL(report.match[RV_REFERENCE_TERMINATED].n_compared, 3);
    CU_ASSERT_EQUAL(report.match[RV_REFERENCE_OBS].n_compared, 3);
    CU_ASSERT(report.match[RV_REFERENCE_OBS].is_equal && report.match[RV_REFERENCE_STATE].is_equal);
    CU_ASSERT(!report.match[RV_REFERENCE_REWARD].is_equal && report.match[RV_REFERENCE_REWARD].t == 2);
    CU_ASSERT_EQUAL(report.match[RV_REFERENCE_REWARD].line, 5);
    rv_reference_destroy(&r);
    /* the action of a short row counts */
    RV_TEST_OK(parse(start, columns, "1,0,0,1\n2,0,0,0,1,0,0,0,0", &r));
    RV_TEST_OK(rv_reference_replay(r, &report));
    CU_ASSERT(!report.match[RV_REFERENCE_OBS].is_equal && report.match[RV_REFERENCE_OBS].t == 2);
    rv_reference_destroy(&r);
}

/* one number of a good file changed: found in that group, at that row and column, and in no other */
static void finds_a_difference(void)
{
    static const struct {
        rv_reference_group group;
        int i;
        int64_t t;
        double change; /* relative, of a number; absolute, of a flag */
        const char *column;
        bool is_equal;
    } cases[] = {
        {RV_REFERENCE_OBS, 3, 60, 1e-15, "o3", false},           {RV_REFERENCE_POS, 5, 1, 1e-15, "q5", false},
        {RV_REFERENCE_VEL, 0, 200, -1e-15, "v0", false},         {RV_REFERENCE_POS, 1, 0, 1e-15, "q1", false},
        {RV_REFERENCE_REWARD, 0, 9, 1e-11, "reward", false},     {RV_REFERENCE_REWARD, 0, 9, 1e-13, "reward", true},
        {RV_REFERENCE_TERMINATED, 0, 3, 1, "terminated", false}, {RV_REFERENCE_MODEL_DONE, 0, 3, 1, "mbpo_done", false},
    };
    rv_reference *r = NULL;
    RV_TEST_OK(rv_reference_read(RV_TEST_DIR "/unit/env/reference/Hopper-v4.sin.csv", &r));
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        rv_reference_report report;
        double *x = &rv_reference_row(r, cases[k].t)[r->group[cases[k].group].first + cases[k].i];
        double old = *x;
        bool is_flag = cases[k].change == 1;
        *x = is_flag ? 1 - old : old * (1 + cases[k].change);
        CU_ASSERT(*x != old);
        RV_TEST_OK(rv_reference_replay(r, &report));
        CU_ASSERT_EQUAL(report.is_equal, cases[k].is_equal);
        for (int g = 0; g < RV_REFERENCE_N_GROUPS; g++) {
            const rv_reference_match *m = &report.match[g];
            if (m->n_compared > 0)
                CU_ASSERT_EQUAL(m->is_equal, cases[k].is_equal || g != (int)cases[k].group);
        }
        const rv_reference_match *m = &report.match[cases[k].group];
        CU_ASSERT_DOUBLE_EQUAL(m->largest, fabs(*x - old), 1e-15);
        if (!cases[k].is_equal) {
            CU_ASSERT_EQUAL(m->t, cases[k].t);
            CU_ASSERT_EQUAL(m->line, 5 + cases[k].t);
            CU_ASSERT_STRING_EQUAL(m->column, cases[k].column);
            CU_ASSERT_EQUAL(m->expected, *x);
            CU_ASSERT_EQUAL(m->got, old);
        }
        *x = old;
    }
    /* another start and another action change what follows */
    rv_reference_report report;
    r->start[2] += 1e-9;
    RV_TEST_OK(rv_reference_replay(r, &report));
    CU_ASSERT(!report.is_equal && report.match[RV_REFERENCE_OBS].t == 0);
    CU_ASSERT(report.match[RV_REFERENCE_POS].largest > 1e-9);
    r->start[2] -= 1e-9;
    rv_reference_row(r, 20)[r->group[RV_REFERENCE_ACTION].first] += 1e-6;
    RV_TEST_OK(rv_reference_replay(r, &report));
    CU_ASSERT(!report.is_equal && report.match[RV_REFERENCE_OBS].t == 20);
    rv_reference_destroy(&r);
}

static void fits_the_task(void)
{
    rv_reference *r = NULL;
    rv_reference_report report;
    RV_TEST_OK(parse(head, "t,terminated,reward,a0,o0,s0,s1\n", "1,0,0,0,1,0,0\n", &r));
    RV_TEST_FAILS(rv_reference_replay(r, &report), RV_E_DATA,
                  "Pendulum-v1 has 3 columns of observation, the file has 1");
    rv_reference_destroy(&r);
    RV_TEST_OK(parse("# env=Pendlum-v1\n# init_state=0,0\n", columns, row1, &r));
    RV_TEST_FAILS(rv_reference_replay(r, &report), RV_E_CONFIG, "did you mean 'Pendulum-v1'?");
    rv_reference_destroy(&r);
}

RV_TEST_MAIN("reference", {"reads", reads}, {"refuses", refuses}, {"short rows", short_rows},
             {"tabular files", tabular_files}, {"refuses tabular", refuses_tabular},
             {"finds a difference", finds_a_difference}, {"fits the task", fits_the_task})
