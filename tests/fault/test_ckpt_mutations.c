/* A checkpoint whose bytes are not those that were written is found out: each byte of a small one, changed; and of a
 * large one bits flipped, and pieces cut out, doubled, exchanged, cut off and added by chance.
 */
#include "base/rng.h"
#include "scene.h"

static int64_t n_mutations = 2000;

typedef struct victim {
    char path[RV_PATH + 64];
    char *bytes;
    size_t n;
} victim;

static void open_victim(const char *file, victim *v)
{
    snprintf(v->path, sizeof v->path, "%s/checkpoints/tick_00000020/%s", scene_run, file);
    RV_TEST_OK(rv_file_read(v->path, 1 << 26, &v->bytes, &v->n));
}

static void put(const victim *v, const char *bytes, size_t n)
{
    FILE *file = fopen(v->path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, n, file), n);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

/* what the loader says of tick 20 */
static rv_status look(void)
{
    rv_checkpoint c = {.units = NULL};
    rv_status status = rv_checkpoint_open(scene_run, 20, &c);
    if (status == RV_OK)
        status = rv_checkpoint_verify_all(&c);
    rv_checkpoint_clear(&c);
    return status;
}

static const char *const files[] = {"manifest.json", "unit_0.safetensors", "unit_1.safetensors", "unit_2.safetensors"};
enum { N_FILES = 4 };

static void every_byte(void)
{
    int64_t n = 0;
    int64_t n_missed = 0;
    scene_floats = 40;
    scene_fresh(2, (const int64_t[]){10, 20});
    for (int f = 0; f < N_FILES; f++) {
        victim v = {.bytes = NULL};
        open_victim(files[f], &v);
        for (size_t i = 0; i < v.n; i++)
            for (int bit = 0; bit <= 8; bit++, n++) {
                char mask = (char)(bit == 8 ? 0xff : 1 << bit);
                v.bytes[i] = (char)(v.bytes[i] ^ mask);
                put(&v, v.bytes, v.n);
                n_missed += look() != RV_E_DATA;
                if (bit == 8)
                    n_missed += scene_find() != 10;
                v.bytes[i] = (char)(v.bytes[i] ^ mask);
            }
        put(&v, v.bytes, v.n);
        rv_mem_free(&v.bytes);
    }
    printf("\n    record: %lld changes, %lld missed  ", (long long)n, (long long)n_missed);
    CU_ASSERT_EQUAL(n_missed, 0);
    CU_ASSERT(n > 5000);
    CU_ASSERT_EQUAL(scene_find(), 20);
}

static size_t below(rv_rng *rng, size_t n)
{
    return rv_rng_below(rng, (uint32_t)n);
}

/* a mutation of v into out, which has room for twice as much; returns the new length */
static size_t mutate(const victim *v, rv_rng *rng, char *out)
{
    size_t n = v->n;
    size_t at = below(rng, n);
    size_t length = 1 + below(rng, n - at < 5000 ? n - at : 5000);
    size_t to = below(rng, n);
    memcpy(out, v->bytes, n);
    switch (rv_rng_below(rng, 6)) {
    case 0: /* flip a bit */
        out[at] = (char)(out[at] ^ (1 << rv_rng_below(rng, 8)));
        return n;
    case 1: /* cut a piece out */
        memmove(out + at, out + at + length, n - at - length);
        return n - length;
    case 2: /* double a piece */
        memcpy(out + at + length, v->bytes + at, n - at);
        return n + length;
    case 3: /* exchange two pieces */
        length = length < n - to ? length : n - to;
        memcpy(out + at, v->bytes + to, length);
        memcpy(out + to, v->bytes + at, length);
        return n;
    case 4: /* cut off */
        return at;
    default: /* add */
        for (size_t i = 0; i < length; i++)
            out[n + i] = (char)(rv_rng_below(rng, 4) ? rv_rng_below(rng, 256) : ' ');
        return n + length;
    }
}

static void by_chance(void)
{
    int64_t n_missed = 0;
    int64_t n_same = 0;
    victim all[N_FILES] = {{.n = 0}};
    size_t most = 0;
    scene_floats = 200000;
    scene_fresh(2, (const int64_t[]){10, 20});
    for (int f = 0; f < N_FILES; f++) {
        open_victim(files[f], &all[f]);
        most = all[f].n > most ? all[f].n : most;
    }
    char *out = malloc(2 * most + 8192);
    for (int64_t i = 0; i < n_mutations; i++) {
        rv_rng rng = rv_rng_at(2, RV_STREAM_TEST, 0, (uint64_t)i);
        const victim *v = &all[rv_rng_below(&rng, N_FILES)];
        size_t n = mutate(v, &rng, out);
        if (n == v->n && memcmp(out, v->bytes, n) == 0) {
            n_same++;
            continue;
        }
        put(v, out, n);
        rv_status status = look();
        bool is_missed = status != RV_E_DATA;
        n_missed += is_missed || (i % 64 == 0 && scene_find() != 10);
        if (is_missed)
            printf("\n    mutation %lld of %s gave %s: %s\n", (long long)i, v->path, rv_status_name(status),
                   status == RV_OK ? "" : rv_error_last()->text);
        put(v, v->bytes, v->n);
    }
    printf("\n    record: %lld mutations (%lld changed nothing), %lld missed  ", (long long)n_mutations,
           (long long)n_same, (long long)n_missed);
    CU_ASSERT_EQUAL(n_missed, 0);
    CU_ASSERT(n_same < n_mutations / 10);
    CU_ASSERT_EQUAL(scene_find(), 20);
    free(out);
    for (int f = 0; f < N_FILES; f++)
        rv_mem_free(&all[f].bytes);
}

int main(int argc, char **argv)
{
    const CU_TestInfo cases[] = {
        {"every byte of a small checkpoint", every_byte}, {"a large one, by chance", by_chance}, CU_TEST_INFO_NULL};
    if (argc > 1 && strcmp(argv[1], "--long") == 0)
        n_mutations = 105000;
    return scene_main("mutations of a checkpoint", cases);
}
