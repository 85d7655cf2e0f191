/* diagnosis_judge.h - the part of a diagnosis that looks at the model: which real rows it is judged by, and how it
 * does. */
#pragma once
#include "launch/diagnosis.h"

/** Fill in what rv_diagnosis says of a model that was fitted, its ensemble and fits being known.
 * @return RV_OK; RV_E_NOMEM; RV_E_NONFINITE */
rv_status rv_diagnosis_judge(rv_diagnosis *diagnosis);
