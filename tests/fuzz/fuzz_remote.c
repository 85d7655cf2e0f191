/* fuzz_remote.c - any bytes: the decoder refuses them or gives a message that survives encoding and decoding. */
#include "env/remote_message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char bytes[RV_REMOTE_MAX_BYTES], again[RV_REMOTE_MAX_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rv_remote_message first, second;
    size_t n = 0, n_again = 0;
    char shown[32];
    if (rv_remote_decode(data, size, &first) != RV_OK)
        return 0;
    if (rv_remote_encode(&first, sizeof bytes, bytes, &n) != RV_OK || rv_remote_decode(bytes, n, &second) != RV_OK ||
        rv_remote_encode(&second, sizeof again, again, &n_again) != RV_OK)
        __builtin_trap();
    if (n > size || n != n_again || memcmp(bytes, again, n) != 0 || first.kind != second.kind)
        __builtin_trap();
    rv_remote_show(&second.text, sizeof shown, shown);
    return 0;
}
