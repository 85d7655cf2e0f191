/* field.h - field tables: what a settings struct holds, written down once.
 *
 * One row per member drives the default, the YAML parser and its errors, key=value overrides, --help, the
 * resolved dump and the hash. Rows end with a row whose name is NULL. A test checks that the rows cover the struct.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

typedef enum rv_type {
    RV_T_BOOL,     /* bool */
    RV_T_I64,      /* int64_t */
    RV_T_F64,      /* double */
    RV_T_ENUM,     /* int, index into choices */
    RV_T_STR,      /* char[RV_FIELD_STR] */
    RV_T_F64_LIST, /* rv_f64_list */
} rv_type;

enum { RV_FIELD_STR = 128, RV_FIELD_LIST = 8, RV_FIELD_TEXT = 256 };

typedef struct rv_f64_list {
    int64_t n;
    double v[RV_FIELD_LIST];
} rv_f64_list;

/* A field that does not change what is learned: it may differ on resume and is left out of the config's hash. */
enum { RV_FIELD_RUNTIME = 1 };

typedef struct rv_field {
    const char *name; /* inside its section: "learning_rate" */
    rv_type type;
    size_t offset, size; /* RV_FIELD_AT */
    const char *value;   /* default, as the user would write it */
    double min, max;     /* both allowed; for lists, of each entry; ignored for bool, enum, str */
    const char *unit;    /* "steps", "" when it has none */
    const char *choices; /* enum: "lockstep|pipelined"; else NULL */
    const char *help;    /* one line, what it does and when to change it */
    unsigned flags;
} rv_field;

#define RV_FIELD_AT(type, member) offsetof(type, member), sizeof(((type *)0)->member)

/** Set one field of the struct at base from text: true or false; 250; 3e-4 (no nan, inf, hexadecimal, blanks);
 * one of the choices; a list [1e-4, 2e-4]; a string of printable ASCII without quotes and backslashes, which may
 * stand in a pair of double quotes.
 * @return RV_OK; RV_E_CONFIG with "expected a whole number in [1, 64], got 'abc'" (no key, no place: the caller
 * prefixes them). On failure nothing changes. */
rv_status rv_field_parse(const rv_field *field, const char *text, void *base);

/** The field's value as YAML text that rv_field_parse reads back to the same bits. */
void rv_field_print(const rv_field *field, const void *base, char out[RV_FIELD_TEXT]);

/** Set every field of a table to its default. */
rv_status rv_field_defaults(const rv_field *table, void *base);

/** Number of rows before the NULL row. */
int rv_field_count(const rv_field *table);

/** The row of that name, NULL when there is none. */
const rv_field *rv_field_find(const rv_field *table, const char *name);

/** Damerau-Levenshtein distance (insert, delete, replace, swap two neighbours), for "did you mean"; texts are cut
 * at 64 characters. */
int rv_field_distance(const char *a, const char *b);

/** Whether candidate is worth suggesting for the mistyped name and nearer than *best (start with INT_MAX), which is
 * then updated. */
bool rv_field_nearer(const char *name, const char *candidate, int *best);

/** What a field accepts, for people: "a whole number in [1, 64]", "lockstep or pipelined". */
void rv_field_expected(const rv_field *field, char out[RV_FIELD_TEXT]);

/** A user's text as it may stand in a one-line message: cut after 60 bytes, unprintable bytes as '?'. */
enum { RV_FIELD_SHOWN = 64 };
void rv_field_shown(const char *text, char out[RV_FIELD_SHOWN]);
