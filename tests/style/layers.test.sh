#!/bin/bash
# layers.test.sh - includes point down the list of layers only, and the headers of each foreign library stay where that
# library is wrapped, in one folder or several. Sources are src/<layer>/, roles/ and launch/.
set -eu
cd "${SOURCE:?}"

check() { # FILE...: prints one line per violation
    awk '
        BEGIN {
            n = split("base math nn env data model agent comm feed view run roles launch", layers, " ")
            for (i = 1; i <= n; i++) height[layers[i]] = i
            home["cblas.h"] = "math"
            home["sleef.h"] = "math"
            home["mpi.h"] = "comm"
            home["zmq.h"] = "feed env"
            home["msgpack.h"] = "feed env"
            home["mujoco/mujoco.h"] = "env view"
            home["cairo.h"] = "view"
            home["GL/osmesa.h"] = "view"
        }
        FNR == 1 {
            split(FILENAME, part, "/")
            own = part[1] == "src" ? part[2] : part[1]
            if (!(own in height)) printf "%s: folder %s is no layer\n", FILENAME, own
        }
        /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
            name = $0
            sub(/^[^<"]*[<"]/, "", name)
            sub(/[>"].*/, "", name)
            for (library in home)
                if ((name == library || index(name, substr(library, 1, length(library) - 2) "/") == 1) && index(" " home[library] " ", " " own " ") == 0)
                    printf "%s:%d: only %s may include %s\n", FILENAME, FNR, home[library], name
            layer = name
            if (!sub(/\/.*/, "", layer)) {
                if ($0 ~ /"/) printf "%s:%d: write the folder: \"%s/%s\"\n", FILENAME, FNR, own, name
            } else if (layer in height && height[layer] > height[own]) {
                printf "%s:%d: %s may not include %s, which is built on it\n", FILENAME, FNR, own, name
            }
        }' "$@"
}

mapfile -t sources < <(find src roles launch -name '*.[ch]' 2>/dev/null | sort)
wrong=$(check "${sources[@]}")
[ -z "$wrong" ] || {
    echo "$wrong"
    exit 1
}

# the check itself must be able to fail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p src/math src/run
printf '#include "run/config.h"\n#include <mpi.h>\n#include "gemm.h"\n#include "base/rng.h"\n#include <math.h>\n' >src/math/a.c
printf '#include "math/gemm.h"\n#include <zmq.h>\n  #  include <msgpack/pack.h>\n' >src/run/b.c
found=$(check src/math/a.c src/run/b.c | wc -l)
[ "$found" = 5 ] || {
    echo "the check found $found of 5 planted violations"
    exit 1
}
echo "${#sources[@]} sources"
