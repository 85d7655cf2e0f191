#include "base/file.h"
#include "launch/history.h"
#include "rv_test.h"

#include <stdlib.h>

static char folder[] = "/tmp/rv_history_XXXXXX";
static char path[RV_PATH];

static const char lines[] =
    "{\"tick\":0,\"step\":50,\"role\":\"rank\",\"unit\":0,\"rank\":0,\"wall\":1,\"time/work_s\":1}\n"
    "{\"tick\":1,\"step\":100,\"role\":\"card\",\"unit\":1,\"rank\":0,\"wall\":1,\"card/error\":0.5,"
    "\"card/error_low\":0.25,\"card/error_high\":1,\"card/model_cost\":3}\n"
    "{\"tick\":1,\"step\":100,\"role\":\"card\",\"unit\":2,\"rank\":0,\"wall\":1,\"card/error\":0.75}\n"
    "{\"tick\":1,\"step\":100,\"role\":\"episode\",\"unit\":0,\"rank\":0,\"wall\":1,\"episode/return\":-5,"
    "\"episode/failed\":0}\n"
    "{\"tick\":1,\"step\":90,\"role\":\"episode\",\"unit\":1,\"rank\":0,\"wall\":1,\"episode/return\":-7,"
    "\"episode/failed\":1}\n"
    "{\"tick\":1,\"step\":80,\"role\":\"episode\",\"unit\":2,\"rank\":0,\"wall\":1,\"episode/return\":-9}\n"
    "{\"tick\":1,\"step\":100,\"role\":\"model\",\"unit\":0,\"rank\":0,\"wall\":1,\"model/holdout_loss\":1}\n"
    "{\"tick\":1,\"step\":100,\"role\":\"model\",\"unit\":1,\"rank\":0,\"wall\":1,\"model/holdout_loss\":4}\n"
    "{\"tick\":1,\"step\":100,\"role\":\"model\",\"unit\":2,\"rank\":0,\"wall\":1,\"model/holdout_loss\":null}\n"
    "{\"tick\":1,\"step\":100,\"role\":\"rank\",\"unit\":0,\"rank\":0,\"wall\":1,\"time/work_s\":1}\n"
    "{\"tick\":3,\"step\":200,\"role\":\"card\",\"unit\":1,\"rank\":0,\"wall\":1,\"card/error\":0.125,"
    "\"card/error_low\":0.0625,\"card/error_high\":1,\"card/model_cost\":2,\"card/critic_cost\":5}\n"
    "{\"tick\":3,\"step\":200,\"role\":\"model\",\"unit\":0,\"rank\":0,\"wall\":1,\"model/holdout_loss\":0.5}\n"
    "{\"tick\":3,\"step\":200,\"role\":\"rank\",\"unit\":0,\"rank\":0,\"wall\":1,\"time/work_s\":1}\n";

/* cards stand apart from the metrics of the other roles */
static void check_cards(const rv_history *h)
{
    rv_series s;
    CU_ASSERT(h->n_cards == 3 && h->cards[1].horizon == 2 && h->cards[2].critic_cost == 5);
    CU_ASSERT(isnan(h->cards[1].model_cost) && h->of[RV_M_CARD_ERROR].n == 0);
    RV_TEST_OK(rv_history_card(h, 1, offsetof(rv_card_point, error), &s));
    CU_ASSERT(s.n == 2 && s.points[0].mean == 0.5 && s.points[0].low == 0.25 && s.points[0].high == 1);
    CU_ASSERT(s.points[1].step == 200 && s.points[1].mean == 0.125);
    rv_mem_free(&s.points);
    RV_TEST_OK(rv_history_card(h, 1, offsetof(rv_card_point, critic_cost), &s));
    CU_ASSERT(s.n == 1 && s.points[0].mean == 5 && s.points[0].low == 5 && s.points[0].step == 200);
    rv_mem_free(&s.points);
}

static void reads(void)
{
    static rv_history h;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    RV_TEST_OK(rv_path_join(folder, "metrics.jsonl", path));
    RV_TEST_OK(rv_history_read(path, &h)); /* not there yet */
    CU_ASSERT(h.n_records == 0 && h.last_step == 0);
    CU_ASSERT_PTR_NULL(rv_history_last(&h, RV_M_MODEL_HOLDOUT_LOSS, 99));
    CU_ASSERT(isnan(rv_history_recent(&h, RV_M_MODEL_HOLDOUT_LOSS, 0.5)));
    rv_history_clear(&h);
    RV_TEST_OK(rv_file_write(path, lines, sizeof lines - 1 - 40)); /* the last line is being written */
    RV_TEST_OK(rv_history_read(path, &h));
    CU_ASSERT(h.n_records == 12 && h.last_step == 100);
    rv_history_clear(&h);
    RV_TEST_OK(rv_file_write(path, lines, sizeof lines - 1));
    RV_TEST_OK(rv_history_read(path, &h));
    CU_ASSERT(h.n_records == 13 && h.last_step == 200);
    CU_ASSERT(h.episodes.n == 2 && h.episodes.points[0].mean == -9 && h.episodes.points[1].step == 100);
    const rv_series *loss = &h.of[RV_M_MODEL_HOLDOUT_LOSS];
    CU_ASSERT_EQUAL_FATAL(loss->n, 2);
    CU_ASSERT(loss->points[0].n == 2 && loss->points[0].mean == 2.5);
    CU_ASSERT(loss->points[0].low == 1 && loss->points[0].high == 4);
    CU_ASSERT(rv_history_last(&h, RV_M_MODEL_HOLDOUT_LOSS, 3) == &loss->points[0]);
    CU_ASSERT(rv_history_last(&h, RV_M_MODEL_HOLDOUT_LOSS, 4) == &loss->points[1]);
    CU_ASSERT_PTR_NULL(rv_history_last(&h, RV_M_MODEL_HOLDOUT_LOSS, 1));
    CU_ASSERT_EQUAL(rv_history_count(&h, RV_M_MODEL_HOLDOUT_LOSS, 4), 2);
    CU_ASSERT_EQUAL(rv_history_recent(&h, RV_M_MODEL_HOLDOUT_LOSS, 0.5), 0.5);
    CU_ASSERT_EQUAL(rv_history_recent(&h, RV_M_MODEL_HOLDOUT_LOSS, 1), 1.5);
    CU_ASSERT_EQUAL(h.of[RV_M_WORK_S].n, 0);
    check_cards(&h);
    rv_history_clear(&h);
    RV_TEST_OK(rv_file_write(path, "{}\n", 3));
    RV_TEST_FAILS(rv_history_read(path, &h), RV_E_DATA, "metrics.jsonl: 1");
    RV_TEST_OK(rv_folder_remove(folder));
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("history", {"reads", reads})
