#!/bin/bash
# Seeds 1, 2, 3 of configs/mbpo/inverted_pendulum.yaml reach a mean return of 950 over 10 episodes within 5,000 real
# steps.
. "$SOURCE/tests/learn/learn.sh"
learn mbpo/inverted_pendulum 950
