#include "base/hash.h"
#include "rv_test.h"

static void known_digest(void)
{
    char text[RV_HASH_TEXT];
    rv_hash_bytes("", 0, text);
    CU_ASSERT_STRING_EQUAL(text,
                           "99aa06d3014798d86001c324468d497f"); /* XXH3_128bits of nothing, from its specification */
}

static void pieces_make_the_whole(void)
{
    enum { N = 5000 };
    static unsigned char bytes[N];
    char whole[RV_HASH_TEXT];
    char pieces[RV_HASH_TEXT];
    for (int i = 0; i < N; i++)
        bytes[i] = (unsigned char)(i * i + 3 * i);
    rv_hasher hasher = {NULL};
    RV_TEST_OK(rv_hasher_create(&hasher));
    size_t done = 0;
    for (size_t step = 0; done + step <= N; step++) {
        rv_hasher_add(&hasher, bytes + done, step);
        done += step;
    }
    rv_hasher_text(&hasher, pieces);
    rv_hash_bytes(bytes, done, whole);
    CU_ASSERT_STRING_EQUAL(whole, pieces);
    rv_hasher_clear(&hasher);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("hash", {"known_digest", known_digest}, {"pieces_make_the_whole", pieces_make_the_whole})
