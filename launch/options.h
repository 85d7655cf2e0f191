/* options.h - the words behind a command: options, settings (section.key=value) and the rest. */
#pragma once
#include "base/status.h"

enum { RV_OPTIONS_MOST = 256, RV_MAX_RANKS = 65536 };

/** An option of a command; rows end with one whose name is NULL. --help and -h are every command's. */
typedef struct rv_option {
    const char *name;   /* "--json", "-n" */
    bool *flag;         /* set to true when given; or NULL, and then the option takes a value: */
    const char **value; /* the word behind it, or what follows "--name="; borrowed from argv */
} rv_option;

typedef struct rv_words {
    bool wants_help; /* nothing else is filled in then, nor checked */
    int n_positional;
    char *positional[RV_OPTIONS_MOST];
    int n_overrides; /* settings: a '=' before any '/' */
    char *overrides[RV_OPTIONS_MOST];
} rv_words;

/** Sort argv[1..]; argv[0] is the command's name, for messages.
 * @param[in] takes_settings false: a word with a '=' is a word like others
 * @return RV_OK; RV_E_USAGE "hash: unknown option '--jsn'; did you mean '--json'?" */
rv_status rv_options_parse(int argc, char **argv, const rv_option *options, bool takes_settings, rv_words *out);

/** Check the number of plain words. what: "RUN", for "hash: expected RUN; see 'reverie hash --help'".
 * @return RV_OK; RV_E_USAGE */
rv_status rv_options_expect(const char *command, const char *what, int min, int max, const rv_words *words);

/** A number of ranks. @return RV_OK; RV_E_USAGE */
rv_status rv_options_ranks(const char *command, const char *text, int *out);

/** Raise "envs: unknown command 'lst'; did you mean 'list'?". command may be "" (the word is reverie's own).
 * names: n known ones, none of which fits. @return RV_E_USAGE */
rv_status rv_options_unknown(const char *command, const char *kind, const char *word, int n, const char *const *names);
