#include "rv_test.h"
RV_TEST_MAIN("plugin", {"x", NULL})
