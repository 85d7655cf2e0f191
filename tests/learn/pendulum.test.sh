#!/bin/bash
# Seeds 1, 2, 3 of configs/pendulum.yaml reach a mean return of -200 over 10 episodes within 5,000 real steps.
. "$SOURCE/tests/learn/learn.sh"
learn pendulum -200
