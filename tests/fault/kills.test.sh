#!/bin/bash
# kills.test.sh - the short form of tests/fault/kills
exec bash "$SOURCE/tests/fault/kills" 3
