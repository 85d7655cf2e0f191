#include "launch/options.h"

#include "base/field.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

rv_status rv_options_expect(const char *command, const char *what, int min, int max, const rv_words *words)
{
    RV_CHECK(words->n_positional >= min, RV_E_USAGE, "%s: expected %s; see 'reverie %s --help'", command, what,
             command);
    RV_CHECK(words->n_positional <= max, RV_E_USAGE, "%s: one word too many: '%s'; see 'reverie %s --help'", command,
             words->positional[max], command);
    return RV_OK;
}

rv_status rv_options_ranks(const char *command, const char *text, int *out)
{
    const rv_field field = {"ranks", RV_T_I64, 0, sizeof(int64_t), "1", 1, RV_MAX_RANKS, "", NULL, "", 0};
    int64_t n = 0;
    if (rv_field_parse(&field, text, &n) != RV_OK)
        return rv_raise(RV_E_USAGE, "%s: -n: %s", command, rv_error_last()->text);
    *out = (int)n;
    return RV_OK;
}

rv_status rv_options_unknown(const char *command, const char *kind, const char *word, int n, const char *const *names)
{
    const char *nearest = NULL;
    char shown[RV_FIELD_SHOWN];
    int best = INT_MAX;
    const char *colon = command[0] ? ": " : "";
    const char *space = command[0] ? " " : "";
    rv_field_shown(word, shown);
    for (int i = 0; i < n; i++) /* dashes make all options look alike */
        if (rv_field_nearer(word + strspn(word, "-"), names[i] + strspn(names[i], "-"), &best))
            nearest = names[i];
    RV_CHECK(!nearest, RV_E_USAGE, "%s%sunknown %s '%s'; did you mean '%s'?", command, colon, kind, shown, nearest);
    return rv_raise(RV_E_USAGE, "%s%sunknown %s '%s'; see 'reverie %s%s--help'", command, colon, kind, shown, command,
                    space);
}

static rv_status unknown_option(const char *command, const rv_option *options, const char *word)
{
    const char *names[RV_OPTIONS_MOST] = {"--help"};
    char name[RV_FIELD_SHOWN];
    int n = 1;
    for (const rv_option *o = options; o->name; o++)
        names[n++] = o->name;
    size_t length = strcspn(word, "=");
    if (length >= sizeof name)
        return rv_options_unknown(command, "option", word, 0, NULL);
    memcpy(name, word, length);
    name[length] = '\0';
    return rv_options_unknown(command, "option", name, n, names);
}

/* argv[*i] is an option */
static rv_status take_option(int argc, char **argv, const rv_option *options, int *i)
{
    const char *word = argv[*i];
    for (const rv_option *o = options; o->name; o++) {
        size_t n = strlen(o->name);
        if (strncmp(word, o->name, n) != 0 || (word[n] && word[n] != '='))
            continue;
        bool has_value = word[n] == '=';
        RV_CHECK(!o->flag || !has_value, RV_E_USAGE, "%s: %s takes no value", argv[0], o->name);
        if (o->flag) {
            *o->flag = true;
            return RV_OK;
        }
        RV_CHECK(has_value || *i + 1 < argc, RV_E_USAGE, "%s: %s needs a value; see 'reverie %s --help'", argv[0],
                 o->name, argv[0]);
        *o->value = has_value ? word + n + 1 : argv[++*i];
        return RV_OK;
    }
    return unknown_option(argv[0], options, word);
}

rv_status rv_options_parse(int argc, char **argv, const rv_option *options, bool takes_settings, rv_words *out)
{
    rv_words words = {0};
    RV_CHECK(argc <= RV_OPTIONS_MOST, RV_E_USAGE, "%s: more than %d words", argv[0], RV_OPTIONS_MOST);
    for (int i = 1; i < argc; i++)
        words.wants_help |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    for (int i = 1; i < argc && !words.wants_help; i++) {
        if (argv[i][0] == '-')
            RV_TRY(take_option(argc, argv, options, &i));
        else if (takes_settings && argv[i][strcspn(argv[i], "=/")] == '=')
            words.overrides[words.n_overrides++] = argv[i];
        else
            words.positional[words.n_positional++] = argv[i];
    }
    *out = words;
    return RV_OK;
}
