#!/bin/bash
# format.test.sh - C sources are as clang-format sets them; scripts parse and pass shellcheck; no file is over 700 lines.
set -eu
cd "${SOURCE:?}"
folders=(src roles launch tests)
mapfile -t sources < <(find "${folders[@]}" -name '*.[ch]' 2>/dev/null | sort)
mapfile -t scripts < <({
    grep -rlIE '^#!.*\b(ba)?sh$' "${folders[@]}" slurm .ci 2>/dev/null
    find "${folders[@]}" -name '*.sh'
} | sort -u)
bad=0

command -v clang-format >/dev/null || {
    echo "clang-format is missing; run: launch/install-deps test"
    exit 1
}
clang-format --dry-run -Werror "${sources[@]}" || {
    echo "to repair: clang-format -i FILE..."
    bad=1
}

for file in "${sources[@]}"; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 700 ] || {
        echo "$file: $lines lines, at most 700"
        bad=1
    }
done

for file in "${scripts[@]}"; do
    bash -n "$file" || bad=1
done
if command -v shellcheck >/dev/null; then
    shellcheck --severity=style --exclude=SC1091 "${scripts[@]}" || bad=1
fi
if grep -nE '[[:blank:]]+$' "${sources[@]}" "${scripts[@]}"; then
    echo "blanks at the end of a line"
    bad=1
fi
echo "${#sources[@]} sources, ${#scripts[@]} scripts"
[ ${#sources[@]} -gt 50 ] || bad=1
exit $bad
