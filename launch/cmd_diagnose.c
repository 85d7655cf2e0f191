/* cmd_diagnose.c - `reverie diagnose`: what is wrong with a run, and which setting to change. */
#include "base/file.h"
#include "base/memory.h"
#include "launch/commands.h"
#include "launch/diagnosis_page.h"
#include "launch/options.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: reverie diagnose RUN [--out FILE | --text]\n"
    "\n"
    "Look at one run as a whole: how it went, how far its model can be trusted, whether its critics promise what "
    "comes,\n"
    "where the time went; and say in words which setting to change, with the number that it rests on. The run may be\n"
    "going on. The model and the policy are those of its newest checkpoint. They are judged by the real rows that "
    "came\n"
    "after the last fit of the model, or by the newest rows where there are too few of those.\n"
    "\n"
    "It is printed as text, and written with pictures into one HTML file that needs nothing else.\n"
    "\n"
    "  --out FILE     the page; default RUN/diagnosis.html\n"
    "  --text         print the text only; needs no gnuplot\n"
    "\n"
    "examples:\n"
    "  reverie diagnose runs/hopper-1\n"
    "  reverie diagnose runs/hopper-1 --out hopper.html\n"
    "  reverie diagnose runs/hopper-1 --text | less\n";

static rv_status write_page(const rv_diagnosis *d, const char *out)
{
    const char *html = NULL;
    const char *text = NULL;
    rv_page *page = NULL;
    RV_TRY(rv_diagnosis_page(d, out != NULL, &page));
    rv_status status = rv_page_end(page, &html, &text);
    if (status == RV_OK)
        fputs(text, stdout);
    if (status == RV_OK && out) {
        status = rv_file_write(out, html, strlen(html));
        if (status == RV_OK)
            printf("page: %s\n", out);
    }
    rv_page_destroy(&page);
    RV_TRY(status);
    return rv_cmd_flush();
}

static rv_status diagnose(const rv_words *words, const char *out, bool is_text)
{
    char path[RV_PATH];
    rv_diagnosis *d = NULL;
    RV_TRY(rv_options_expect("diagnose", "RUN", 1, 1, words));
    RV_CHECK(!out || !is_text, RV_E_USAGE, "diagnose: --out and --text exclude one another");
    const char *run = words->positional[0];
    RV_CHECK(rv_file_exists(run), RV_E_NOINPUT, "no run '%s'; give the folder of a run", run);
    RV_TRY(rv_path_join(run, "diagnosis.html", path));
    RV_TRY(RV_NEW(d, 1));
    rv_status status = rv_diagnosis_make(run, d);
    if (status == RV_OK)
        status = write_page(d, is_text ? NULL : out ? out : path);
    rv_diagnosis_clear(d);
    rv_mem_free(&d);
    return status;
}

int rv_cmd_diagnose(int argc, char **argv)
{
    bool is_text = false;
    const char *out = NULL;
    rv_words words;
    const rv_option options[] = {{"--out", NULL, &out}, {"--text", &is_text, NULL}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(help);
    return rv_cmd_finish(status != RV_OK ? status : diagnose(&words, out, is_text));
}
