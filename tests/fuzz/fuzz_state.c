/* the file of a unit: header parser, comparison with a unit, copying */
#include "run/state_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct thing {
    float a[3];
    double b[2];
    int64_t c;
    unsigned char d[5];
} thing;

static rv_status show(void *unit, rv_visit visit, void *user)
{
    thing *t = unit;
    RV_TRY(visit(user, "a", RV_F32, 3, t->a));
    RV_TRY(visit(user, "b", RV_F64, 2, t->b));
    RV_TRY(visit(user, "c", RV_I64, 1, &t->c));
    return visit(user, "d", RV_U8, 5, t->d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("state", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    rv_state_list list = {.n_arrays = 0};
    thing t = {.c = 0};
    rv_status inspected = rv_state_inspect(path, &list);
    rv_state_list_clear(&list);
    if (rv_state_load(path, show, &t) == RV_OK && inspected != RV_OK)
        abort();
    close(fd);
    return 0;
}
