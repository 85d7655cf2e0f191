/* feed_cfg.c - the settings of the section "feed". */
#include "feed/feed.h"

#define AT(member) RV_FIELD_AT(rv_feed_cfg, member)

// clang-format off
const rv_field rv_feed_cfg_fields[] = {
    {"publish", RV_T_STR, AT(publish), "tcp://127.0.0.1:*", 0, 0, "", NULL,
     "where live metrics are published; * takes a free port; 'off' publishes nothing", RV_FIELD_RUNTIME},
    {"high_water", RV_T_I64, AT(high_water), "1000", 1, 1000000, "messages", NULL,
     "messages kept for a slow subscriber before it starts to miss some; never slows the run", RV_FIELD_RUNTIME},
    {0},
};
// clang-format on
