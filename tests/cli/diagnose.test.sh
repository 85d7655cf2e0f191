#!/bin/bash
# diagnose.test.sh - `reverie diagnose`: the page is whole and holds what it should, its numbers are those of a second
# computation, and what it says when it cannot.
# shellcheck source=tests/cli/lib.sh
. "${SOURCE:?}/tests/cli/lib.sh"

# fails CODE TEXT ARGS...: ends with this code and says this in one line
fails() {
    local code=0 wanted=$1 text=$2
    shift 2
    "$REVERIE" diagnose "$@" >out 2>err || code=$?
    [ "$code" = "$wanted" ] || bad "diagnose $*: exit code $code, expected $wanted: $(cat err)"
    grep -qF -- "$text" err || bad "diagnose $*: expected '$text', got: $(cat err)"
    [ "$(wc -l <err)" = 1 ] || bad "diagnose $*: more than one line: $(cat err)"
}

# is_page FILE FIGURES SECTION...: XML without doubled ids, scripts or addresses; at least so many figures; these sections
is_page() {
    python3 - "$@" <<'PYTHON' || bad "$1 is not what it should be"
import sys, xml.etree.ElementTree
from html.parser import HTMLParser
text = open(sys.argv[1], encoding="utf-8").read()
root = xml.etree.ElementTree.fromstring(text)
name = lambda e: e.tag.split("}")[1]
ids = [e.get("id") for e in root.iter() if e.get("id")]
assert len(ids) == len(set(ids)), "ids that are there twice"
for e in root.iter():
    assert name(e) not in ("script", "img", "link", "iframe", "object", "a"), name(e)
    for key, value in e.attrib.items():
        key = key.split("}")[-1]
        assert not key.startswith("on") and key != "src", key
        assert key != "href" or value[0] == "#" and value[1:] in ids, value
figures = [e for e in root.iter() if name(e) == "figure"]
assert len(figures) >= int(sys.argv[2]), f"{len(figures)} figures"
for figure in figures:
    assert [name(e) for e in figure] == ["svg", "figcaption"] and figure[1].text
sections = [e.get("id") for e in root.iter() if name(e) == "section"]
assert sections == sys.argv[3:], sections
class Page(HTMLParser):
    open = []
    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
page = Page()
page.feed(text)
page.close()
assert not page.open, page.open
PYTHON
}

has() { # FILE TEXT...
    local file=$1 text
    shift
    for text; do
        grep -qF -- "$text" "$file" || bad "$file does not say '$text'"
    done
}

"$REVERIE" train "$tiny" -n 1 --run-dir run >log 2>&1 || fail "train: $(tail -n 3 log)"
"$REVERIE" train "$tiny" policy.real_share=1 -n 1 --run-dir free >log 2>&1 || fail "train: $(tail -n 3 log)"

echo "a page"
"$REVERIE" diagnose run >text 2>err || fail "diagnose: $(cat err)"
[ ! -s err ] || bad "said although all is well: $(cat err)"
is_page run/diagnosis.html 14 return card calibration disagreement branches fits share values learner time settings
has text "Diagnosis of run" "Pendulum-v1" "800 of 800" "done (start 1)" "rollout.max_disagreement" "0.05 (default 0)" \
    "page: run/diagnosis.html"
has run/diagnosis.html "Diagnosis of run" "Return over real steps" "<dt>env.count</dt><dd>2 (default 1)</dd>"
"$REVERIE" diagnose run --text >again || bad "--text"
[ "$(cat again)" = "$(grep -v '^page: ' text)" ] || bad "--text prints something else"
"$REVERIE" diagnose run --out other.html >again || bad "--out"
cmp run/diagnosis.html other.html || bad "not the same page again"
! grep -q $'\033' text || bad "colours although nobody looks"
[ "$(awk 'length > 100' text)" = "" ] || bad "long lines: $(awk 'length > 100' text)"

echo "a run without a model"
"$REVERIE" diagnose free >text 2>err || fail "diagnose free: $(cat err)"
is_page free/diagnosis.html 6 return model share values learner time settings
has text "it has no model" "0.0 % of a minibatch"

echo "a run that measures its fits"
"$REVERIE" train "$tiny" model.holdout_segment=10 rollout.card=5 schedule.retrain_policy_kl=0.001 schedule.retrain_every=400 \
    schedule.retrain_gap=100 -n 1 --run-dir paced >log 2>&1 || fail "train: $(tail -n 3 log)"
"$REVERIE" diagnose paced >text 2>err || fail "diagnose paced: $(cat err)"
is_page paced/diagnosis.html 17 return card calibration disagreement branches fits share values learner time settings
has paced/diagnosis.html "as the run measured it on held-out rows" "5 steps ahead"
has text "the interval: " "how far the policy has moved: "
"$REVERIE" diagnose run --text | grep -qF "recorded no cards of its own" || bad "a run without cards has some"

echo "which rows judge"
"$REVERIE" train "$tiny" schedule.mode=lockstep -n 1 --run-dir lockstep >log 2>&1 || fail "train: $(tail -n 3 log)"
"$REVERIE" diagnose lockstep --text >text || fail "diagnose lockstep"
has text "160 of rows that the last fit kept out" "windows of the newest rows"
"$REVERIE" train "$tiny" schedule.mode=lockstep model.holdout_segment=10 -n 1 --run-dir segments >log 2>&1 ||
    fail "train: $(tail -n 3 log)"
"$REVERIE" diagnose segments --text >text || fail "diagnose segments"
has text "160 of rows that the last fit kept out" "windows of rows that the last fit kept out"
"$REVERIE" diagnose segments --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
n = d["numbers"]
assert n["fresh_error"] is None and n["holdout_error"] > 0 and n["train_error"] > 0 and d["judged"]["rows"] == 160
assert len(d["card"]["error"]) >= 5' || bad "the numbers of held-out rows"

echo "a longer run"
"$REVERIE" train "$SOURCE/configs/pendulum.yaml" schedule.total_steps=1250 schedule.updates_per_step=2 \
    model.max_epochs=30 rollout.branches=2000 -n 1 --run-dir longer >log 2>&1 || fail "train: $(tail -n 3 log)"
"$REVERIE" diagnose longer >text 2>err || fail "diagnose longer: $(cat err)"
is_page longer/diagnosis.html 14 return card calibration disagreement branches fits share values learner time settings
"$REVERIE" diagnose longer --json >longer.json || fail "--json"
python3 - <<'PYTHON' || bad "the longer run: $(cat text)"
import json
d = json.load(open("longer.json"))
text = " ".join(open("text").read().split())
assert not [k for k, v in d["numbers"].items() if v is None and k not in ("stopped_share",)], d["numbers"]
for advice in d["advice"]:
    assert f"! {advice['title']} {advice['text']}" in text, advice
records = [json.loads(line) for line in open("longer/metrics.jsonl")]
last = [r for r in records if "eval/mean_reward" in r][-1]
assert f"last evaluation {last['eval/mean_reward']:.5g} at step {last['step']}" in text
assert len(d["card"]["error"]) == 20 and all(v > 0 for v in d["card"]["error"])
PYTHON

echo "its numbers"
"$REVERIE" diagnose run --json >run.json || fail "--json"
"$REVERIE" journal run --export rows.safetensors >/dev/null || fail "export"
python3 - <<'PYTHON' || bad "the numbers are others"
import glob, json, math, struct
d = json.load(open("run.json"))

def load(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, a in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            begin, end = (8 + n + k for k in a["data_offsets"])
            code = {"F32": "f", "F64": "d", "I64": "q", "BOOL": "B", "U8": "B"}[a["dtype"]]
            out[name] = struct.unpack(f"<{(end - begin) // struct.calcsize(code)}{code}", data[begin:end])
    return out

relu = lambda v: max(v, 0)
swish = lambda v: v / (1 + math.exp(-v))
def forward(params, sizes, x, activation=relu):
    at = 0
    for l in range(len(sizes) - 1):
        n, m = sizes[l], sizes[l + 1]
        z = [params[at + n * m + j] + sum(x[i] * params[at + i * m + j] for i in range(n)) for j in range(m)]
        at += n * m + m
        x = [activation(v) for v in z] if l < len(sizes) - 2 else z
    return x

rows = load("rows.safetensors")
folder = max(glob.glob("run/checkpoints/tick_*"))
learner = load(folder + "/learner.safetensors")["params"]
actor, critic = [3, 16, 16, 2], [4, 16, 16, 1]
size = lambda s: sum(s[i] * s[i + 1] + s[i + 1] for i in range(len(s) - 1))
assert len(learner) == size(actor) + 2 * size(critic) + 1
near = lambda a, b, tolerance: abs(a - b) <= tolerance * (1 + abs(b))

# the episodes that began after the warm-up, in order
place = {}
for i in range(len(rows["env"])):
    place.setdefault((rows["env"][i], rows["episode"][i]), []).append(i)
episodes = sorted(e for e in place.values() if e[0] >= 200)
episodes = [e for e in episodes if rows["terminated"][e[-1]] or len(e) >= 100]
assert len(d["starts"]) == len(episodes) > 0, d["starts"]
for start, e in zip(d["starts"], episodes):
    x = list(rows["obs"][3 * e[0]:3 * e[0] + 3]) + [rows["act"][e[0]]]
    first = size(actor)
    q = min(forward(learner[first + k * size(critic):], critic, x)[0] for k in range(2))
    assert start["row"] == e[0] and start["length"] == len(e)
    assert near(start["promised"], q, 1e-4), (start, q)
    assert near(start["rewards"], sum(0.99 ** k * rows["reward"][i] for k, i in enumerate(e)), 1e-6), start
    assert start["bootstrap"] != 0 and start["achieved"] != start["rewards"]
n = d["numbers"]
mean = lambda name: sum(s[name] for s in d["starts"]) / len(d["starts"])
assert near(n["promised"], mean("promised"), 1e-9) and near(n["achieved"], mean("achieved"), 1e-9)
records = [json.loads(line) for line in open("run/metrics.jsonl")]
updates = [(r["step"], r["train/n_updates"]) for r in records if "train/n_updates" in r]
assert n["n_updates"] == updates[-1][1]
assert n["updates_per_step"] == (updates[-1][1] - updates[0][1]) / (updates[-1][0] - updates[0][0]) == 1
assert n["gate"] == 0.05 and n["length"] == 3

# the model, on the rows after the last fit
members = [load(f"{folder}/member_{m}.safetensors") for m in range(7)]
elites = sorted(range(7), key=lambda m: (members[m]["params"][-1], m))[:5]
net, n_out = [4, 16, 16, 8], 4
softplus = lambda v: max(v, 0) + math.log1p(math.exp(-abs(v)))
def predict(m, obs, act): # means and variances of [reward, change]
    p = members[m]["params"]
    at = size(net)
    hi, lo, mean, std = p[at:at + 4], p[at + 4:at + 8], p[at + 8:at + 12], p[at + 12:at + 16]
    x = [(v - a) / b for v, a, b in zip(list(obs) + [act], mean, std)]
    out = forward(p, net, x, swish)
    logvar = [l + softplus(h - softplus(h - r) - l) for r, h, l in zip(out[4:], hi, lo)]
    return out[:4], [math.exp(v) for v in logvar]
obs = lambda i: rows["obs"][3 * i:3 * i + 3]
target = lambda i: [rows["reward"][i]] + [rows["next_obs"][3 * i + k] - rows["obs"][3 * i + k] for k in range(3)]
n_fitted = max(r["model/n_rows"] for r in records if "model/n_rows" in r)
assert n_fitted == 700 and len(rows["reward"]) == 800
std = []
for k in range(n_out):
    y = [target(i)[k] for i in range(n_fitted)]
    middle = sum(y) / len(y)
    std.append(math.sqrt(sum((v - middle) ** 2 for v in y) / len(y)))
z, disagreement, error, square = [], [], [], 0
for i in range(n_fitted, 800):
    y = target(i)
    made = [predict(m, obs(i), rows["act"][i]) for m in range(7)]
    for m in elites:
        z += [(y[k] - made[m][0][k]) / math.sqrt(made[m][1][k]) for k in range(n_out)]
    worst = 0
    for k in range(n_out):
        means = [p[0][k] for p in made]
        middle = sum(means) / 7
        worst = max(worst, sum((v - middle) ** 2 for v in means) / sum(p[1][k] for p in made))
    disagreement.append(math.sqrt(worst))
    e = sum(((sum(made[m][0][k] for m in elites) / 5 - y[k]) / std[k]) ** 2 for k in range(n_out)) / n_out
    error.append(math.sqrt(e))
    square += e / 100
ranks = lambda v: [sorted(v).index(x) for x in v]
a, b = ranks(disagreement), ranks(error)
spearman = 1 - 6 * sum((x - y) ** 2 for x, y in zip(a, b)) / (100 * (100 ** 2 - 1))
assert d["judged"]["rows"] == 100
assert near(n["rank_correlation"], spearman, 1e-3), (n["rank_correlation"], spearman)
assert near(n["z_square"], sum(v * v for v in z) / len(z), 1e-3)
assert near(n["fresh_error"], square, 1e-4)
for level, observed in d["judged"]["coverage"]:
    expected = sum(math.erf(abs(v) / math.sqrt(2)) <= level for v in z) / len(z)
    assert abs(observed - expected) <= 2 / len(z), (level, observed, expected)
tenths = sorted(zip(disagreement, error))
for i, bin in enumerate(d["judged"]["tenths"]):
    part = tenths[10 * i:10 * i + 10]
    assert bin["rows"] == 10 and near(bin["disagreement"], sum(x for x, _ in part) / 10, 1e-4)
    assert near(bin["error"], sum(y for _, y in part) / 10, 1e-2)

# many steps: from every row on, to the end of the rows or of the episode
at_std = [members[0]["params"][size(net) + 12 + k] for k in range(3)]
sums, counts = [0] * 21, [0] * 21
for start in range(n_fitted, 800):
    state = list(obs(start))
    for k, i in enumerate(range(start, min(start + 40, 800), 2), 1):
        change = [sum(predict(m, state, rows["act"][i])[0][1 + j] for m in elites) / 5 for j in range(3)]
        state = [s + c for s, c in zip(state, change)]
        sums[k] += sum(((s - r) / q) ** 2 for s, r, q in zip(state, rows["next_obs"][3 * i:3 * i + 3], at_std)) / 3
        counts[k] += 1
        if rows["terminated"][i] or rows["truncated"][i]:
            break
for k in (1, 2, 3, 10, 20):
    expected = math.sqrt(sums[k] / counts[k])
    assert near(d["card"]["error"][k - 1], expected, 1e-3), (k, d["card"]["error"][k - 1], expected)
assert n["error"] == d["card"]["error"][2] and n["model_cost"] == d["card"]["model_cost"][2]
PYTHON

echo "names that would be more than names"
hostile=$'<img src=x onerror=alert(1)>&"\'`id`\033[31m\xff'
cp -r run "$hostile"
"$REVERIE" diagnose "$hostile" >text || fail "hostile name"
is_page "$hostile/diagnosis.html" 12 return card calibration disagreement branches fits share values learner time settings
has "$hostile/diagnosis.html" "Diagnosis of &lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;\`id\`?[31m?</h1>"
# shellcheck disable=SC2016 # nobody is to expand that
head -n 1 text | grep -qF 'Diagnosis of <img src=x onerror=alert(1)>&"'"'"'`id`?[31m?' || bad "$(head -n 1 text | od -c)"
rm -rf "$hostile"

echo "a run that is going on"
"$REVERIE" train "$tiny" schedule.total_steps=1000000 checkpoint.every_ticks=2 -n 1 --run-dir live >log 2>&1 &
pid=$!
wait_for 60 has_rows live 20 || fail "no checkpoint"
for _ in 1 2 3; do
    "$REVERIE" diagnose live >text 2>err || bad "diagnose live: $(cat err)"
done
has text "it is going on (start 1)"
is_page live/diagnosis.html 14 return card calibration disagreement branches fits share values learner time settings
kill -TERM $pid && wait $pid
[ $? = 75 ] || bad "stop: $(tail -n 3 log)"
"$REVERIE" diagnose live --text >text || bad "stopped"
! grep -q "it is going on" text || bad "it does not go on: $(grep ended text)"

echo "what cannot be"
mkdir empty
fails 64 "expected RUN"
fails 64 "one word too many: 'free'" run free
fails 64 "unknown option '--jsn'; did you mean '--json'?" run --jsn
fails 64 "exclude one another" run --text --json
fails 64 "exclude one another" run --text --out x.html
fails 66 "no run 'none'" none
fails 66 "empty" empty
fails 74 "nowhere" run --out nowhere/x.html
cp -r run early && rm -rf early/checkpoints
fails 66 "no checkpoint" early
cp -r run damaged && sed -i '3s/^{/[/' damaged/metrics.jsonl
fails 65 "metrics.jsonl" damaged
mkdir bin
ln -s "$(command -v env)" "$(command -v cat)" "$(command -v grep)" "$(command -v wc)" bin/
PATH=$work/bin fails 69 "gnuplot-nox" run
PATH=$work/bin "$REVERIE" diagnose run --text >text 2>err || bad "--text needs gnuplot: $(cat err)"
"$REVERIE" diagnose run --text >/dev/full 2>err && bad "a full disk is no success"
finish
