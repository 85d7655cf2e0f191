#!/bin/bash
# kernels.sh - for tests that go through all sets of kernels: sets= the settings that choose each one that this
# processor can run, has_avx512= whether the widest is among them. Says what is left out.
# shellcheck disable=SC2034 # used by those who read this
sets=(kernels.instructions=avx2)
has_avx512=1
for flag in avx512f avx512bw avx512dq avx512vl; do
    grep -qw "$flag" /proc/cpuinfo || has_avx512=
done
if [ "$has_avx512" ]; then
    sets+=(kernels.instructions=avx512)
else
    echo "left out: kernels.instructions=avx512, this processor lacks it"
fi
sets+=(kernels.products=openblas)
