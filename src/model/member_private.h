/* member_private.h - what a member's fit (member.c) and its network (member_net.c) share. */
#pragma once
#include "model/member.h"

/** (n) each; out may be x */
static inline void rv_member_normalise(int n, const float *x, const float *mean, const float *std, float *out)
{
    for (int j = 0; j < n; j++)
        out[j] = (x[j] - mean[j]) / std[j];
}
