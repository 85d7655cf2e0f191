/* replay_view.h - what the comparison with a reference trajectory found, for people and as JSON. */
#pragma once
#include "env/reference.h"

/** Print a report to standard output. @return RV_OK; RV_E_IO; RV_E_NOMEM */
rv_status rv_replay_print(const rv_reference *r, const rv_reference_report *report, bool want_json);
