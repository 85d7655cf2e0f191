/* fields.h - no member of a unit's state is forgotten by a checkpoint: the members of the struct are read from its
 * source, and each must stand in the test's table with what becomes of it. Those that are kept are filled with random
 * bytes, saved, loaded into another unit, and compared.
 *
 * A member that is added to the struct fails the test until it is in the table; one that is in the table as kept and
 * not shown to the checkpoint fails it too.
 */
#pragma once
#include "base/file.h"
#include "base/rng.h"
#include "run/state_file.h"
#include "rv_test.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

typedef enum field_use {
    FIELD_KEPT,    /* in a checkpoint, as it lies in the struct */
    FIELD_KEPT_AT, /* in a checkpoint: what the pointer points to */
    FIELD_NESTED,  /* in a checkpoint by functions of its own, with a test of its own */
    FIELD_GIVEN,   /* follows from the settings and the unit's number */
    FIELD_SCRATCH  /* of no use between two ticks, or made again */
} field_use;

typedef struct field_row {
    const char *name;
    field_use use;
    size_t offset, n_bytes; /* of what is kept */
} field_row;

#define FIELD_KEEP(type, member)                                                                                       \
    {                                                                                                                  \
#member, FIELD_KEPT, offsetof(type, member), sizeof(((type *)0)->member)                                       \
    }
#define FIELD_KEEP_AT(type, member, n)                                                                                 \
    {                                                                                                                  \
#member, FIELD_KEPT_AT, offsetof(type, member), (size_t)(n)                                                    \
    }
#define FIELD_AS(member, use)                                                                                          \
    {                                                                                                                  \
#member, use, 0, 0                                                                                             \
    }

/* the text of "struct NAME {...}" without its comments; the caller frees it */
static inline char *fields_text(const char *file, const char *name)
{
    char path[RV_PATH];
    char begin[128];
    char *text = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/../%s", RV_TEST_DIR, file);
    RV_TEST_OK(rv_file_read(path, 1 << 24, &text, &n));
    for (char *at = text; (at = strstr(at, "/*")) != NULL;) {
        const char *end = strstr(at, "*/");
        CU_ASSERT_PTR_NOT_NULL_FATAL(end);
        memset(at, ' ', (size_t)(end + 2 - at));
    }
    snprintf(begin, sizeof begin, "struct %s {", name);
    char *from = strstr(text, begin);
    CU_ASSERT_PTR_NOT_NULL_FATAL(from);
    from += strlen(begin);
    char *to = from;
    for (int depth = 1; *to; to++) {
        depth += (*to == '{') - (*to == '}');
        if (depth == 0)
            break;
    }
    *to = '\0';
    char *out = strdup(from);
    rv_mem_free(&text);
    return out;
}

/* the name that a declarator declares: before the first '[', or behind the '*' of a function */
static inline void fields_name(char *declarator, char out[64])
{
    char *function = strstr(declarator, "(*");
    char *end = function ? strchr(function, ')') : strpbrk(declarator, "[:");
    end = end ? end : declarator + strlen(declarator);
    while (end > declarator && !isalnum((unsigned char)end[-1]) && end[-1] != '_')
        end--;
    char *from = end;
    while (from > declarator && (isalnum((unsigned char)from[-1]) || from[-1] == '_'))
        from--;
    snprintf(out, 64, "%.*s", (int)(end - from), from);
}

/* are the members of the struct in file (from the repository's root) those of the table? */
static inline void fields_check(const char *file, const char *name, const field_row *rows, int n)
{
    char *text = fields_text(file, name);
    bool seen[64] = {false};
    int n_members = 0;
    int depth = 0;
    char *from = text;
    CU_ASSERT_FATAL(n <= 64);
    for (char *at = text; *at; at++) {
        char member[64];
        depth += (*at == '{' || *at == '(') - (*at == '}' || *at == ')');
        if (depth > 0 || (*at != ';' && *at != ','))
            continue;
        *at = '\0';
        char *brace = strrchr(from, '}'); /* of a struct inside */
        fields_name(brace ? brace + 1 : from, member);
        from = at + 1;
        int r = 0;
        while (r < n && strcmp(rows[r].name, member) != 0)
            r++;
        n_members++;
        if (r == n)
            printf("\n    %s: struct %s has a member '%s' that the test does not know: is it part of a checkpoint?\n",
                   file, name, member);
        CU_ASSERT_FATAL(r < n && !seen[r]);
        seen[r] = true;
    }
    for (int r = 0; r < n; r++)
        if (!seen[r])
            printf("\n    %s: struct %s has no member '%s'\n", file, name, rows[r].name);
    CU_ASSERT_EQUAL(n_members, n);
    free(text);
}

static inline void *fields_at(const field_row *row, void *unit)
{
    char *member = (char *)unit + row->offset;
    void *p = NULL;
    if (row->use == FIELD_KEPT)
        return member;
    memcpy(&p, member, sizeof p);
    return p;
}

/* random bytes into all that is kept */
static inline void fields_fill(const field_row *rows, int n, uint64_t key, void *unit)
{
    rv_rng rng = rv_rng_at(key, RV_STREAM_TEST, 0, 0);
    for (int r = 0; r < n; r++) {
        unsigned char *bytes = rows[r].use <= FIELD_KEPT_AT ? fields_at(&rows[r], unit) : NULL;
        for (size_t i = 0; bytes && i < rows[r].n_bytes; i++)
            bytes[i] = (unsigned char)rv_rng_below(&rng, 256);
    }
}

/* a and b are made alike; b becomes what a is */
static inline void fields_round_trip(const field_row *rows, int n, rv_unit_show show, void *a, void *b)
{
    char path[] = "/tmp/rv_fields_XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    fields_fill(rows, n, 1, a);
    fields_fill(rows, n, 2, b);
    RV_TEST_OK(rv_state_save(path, "unit", show, a, NULL));
    RV_TEST_OK(rv_state_load(path, show, b));
    int n_kept = 0;
    for (int r = 0; r < n; r++) {
        if (rows[r].use > FIELD_KEPT_AT)
            continue;
        n_kept++;
        CU_ASSERT(rows[r].n_bytes > 0);
        bool is_same = memcmp(fields_at(&rows[r], a), fields_at(&rows[r], b), rows[r].n_bytes) == 0;
        if (!is_same)
            printf("\n    %s is not as it was saved\n", rows[r].name);
        CU_ASSERT(is_same);
    }
    CU_ASSERT(n_kept > 0);
    unlink(path);
}
