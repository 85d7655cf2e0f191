/* journal_cfg.c - the settings of the section "journal". */
#include "data/journal.h"

#define AT(member) RV_FIELD_AT(rv_journal_cfg, member)

// clang-format off
const rv_field rv_journal_cfg_fields[] = {
    {"durability", RV_T_ENUM, AT(durability), "process", 0, 0, "", "process|power",
     "what real rows survive before anything learns from them: the end of any process, or a power cut too (a disk sync "
     "per tick)", RV_FIELD_RUNTIME},
    {0},
};
// clang-format on
