#!/bin/bash
# words.test.sh - functions and words that do not belong into the sources, with what to use instead.
set -eu
cd "${SOURCE:?}"

# a file without comments and strings; lines keep their numbers
code_of() {
    awk '
        {
            line = $0
            out = ""
            while (line != "") {
                if (inside) {
                    at = index(line, "*/")
                    if (!at) break
                    line = substr(line, at + 2)
                    inside = 0
                } else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047/)) {
                    out = out substr(line, 1, RSTART - 1) " "
                    token = substr(line, RSTART, RLENGTH)
                    line = substr(line, RSTART + RLENGTH)
                    if (token == "//") break
                    if (token == "/*") inside = 1
                } else {
                    out = out line
                    break
                }
            }
            print out
        }' "$1"
}

call() { # NAMES: a pattern for calls of these functions
    echo "(^|[^A-Za-z0-9_>.])($1)[[:blank:]]*\("
}

check() { # FILE...: prints one line per violation
    local file
    for file; do
        code_of "$file" >"$work/code"
        while IFS='|' read -r names allowed advice; do
            names=${names//,/|}
            [[ -n $allowed && $file =~ $allowed ]] && continue
            grep -nE "$(call "$names")" "$work/code" | sed "s|^\([0-9]*\):.*|$file:\1: $advice|" || true
        done <<'TABLE'
exit,abort,assert||return a status (base/status.h); the command line decides
rand,srand,random,srandom,drand48|^src/base/rng|draw from base/rng.h
strcpy,strcat,sprintf,vsprintf,gets,strncpy||snprintf knows the size of its buffer
atoi,atol,atof,sscanf,scanf,fscanf||strtol and strtod can tell an error from 0
malloc,calloc,realloc,aligned_alloc,strdup,strndup,asprintf,alloca|^src/base/memory|base/memory.h counts and checks
MPI_Abort,MPI_Init,MPI_Finalize|^src/comm/|src/comm wraps MPI
system,popen||posix_spawn needs no shell
setjmp,longjmp|^src/env/mujoco|return a status
TABLE
    done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
mapfile -t sources < <(find src roles launch -name '*.[ch]' 2>/dev/null | sort)
wrong=$(check "${sources[@]}")
[ -z "$wrong" ] || {
    echo "$wrong"
    bad=1
}

# words of unfinished work; spelled so that this file does not find itself
mapfile -t texts < <(find src roles launch tests slurm configs ./*.md ./*.txt \
    -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.md' -o -name '*.txt' -o -name '*.yaml' -o -name '*.sbatch' \) 2>/dev/null)
if grep -nE '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b|[Ff]or n''ow\b' "${texts[@]}"; then
    echo "finish it, or leave it out"
    bad=1
fi

# the check itself must be able to fail
cat >"$work/planted.c" <<'C'
int f(void) { exit(1); } /* exit(1) */
char *g(void) { return "malloc(1)"; } // malloc(1)
void *h(void) { return malloc (1); }
/* abort(
   abort( */ int k = 'a'; void l(void) { p->exit(1); my_exit(1); _exit(1); rand(); }
C
found=$(check "$work/planted.c" | wc -l)
[ "$found" = 3 ] || {
    echo "the check found $found of 3 planted calls"
    bad=1
}
echo "${#sources[@]} sources, ${#texts[@]} texts"
exit $bad
