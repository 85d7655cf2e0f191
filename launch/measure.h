/* measure.h - reverie layout --measure: a trial, what it says of the work's cost, and the settings that follow. */
#pragma once
#include "launch/options.h"
#include "run/config.h"

/** @param[in] words where cfg came from, for the command line to paste
 * @return the exit code; what was wrong has been said */
int rv_measure_layout(const rv_config *cfg, const rv_words *words, int n_ranks, bool json);
