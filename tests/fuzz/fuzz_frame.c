/* fuzz_frame.c - any bytes: the decoder refuses them or gives a frame that survives encoding and decoding. */
#include "feed/frame.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static rv_frame first;
    static rv_frame second;
    unsigned char bytes[RV_FRAME_MAX_BYTES];
    unsigned char again[RV_FRAME_MAX_BYTES];
    size_t n = 0;
    size_t n_again = 0;
    if (rv_frame_decode(data, size, &first) != RV_OK)
        return 0;
    if (rv_frame_encode(&first, bytes, &n) != RV_OK || rv_frame_decode(bytes, n, &second) != RV_OK ||
        rv_frame_encode(&second, again, &n_again) != RV_OK)
        __builtin_trap();
    if (n != n_again || memcmp(bytes, again, n) != 0 || memcmp(&first, &second, sizeof first) != 0)
        __builtin_trap();
    return 0;
}
