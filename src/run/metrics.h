/* metrics.h - the table of everything a run measures. Names are Stable-Baselines3's where it has one. Adding a metric
 * is one row here; a role then calls rv_metric_add.
 */
#pragma once
#include "base/hash.h"
#include "feed/frame.h"

/* id, name, unit ("" when it has none), depends on wall time or layout (left out of the run's hash), help */
// clang-format off
#define RV_METRIC_MAP(X)                                                                                               \
    X(RV_M_EP_REW_MEAN,       "rollout/ep_rew_mean",      "reward",  false, "mean return of the latest training episodes")\
    X(RV_M_EP_LEN_MEAN,       "rollout/ep_len_mean",      "steps",   false, "mean length of the latest training episodes")\
    X(RV_M_EPISODE_NUMBER,    "episode/number",           "",        false, "of a training episode, counted from 0 per environment") \
    X(RV_M_EPISODE_RETURN,    "episode/return",           "reward",  false, "its return")                                \
    X(RV_M_EPISODE_LENGTH,    "episode/length",           "steps",   false, "its length")                                \
    X(RV_M_EPISODE_TERMINATED,"episode/terminated",       "",        false, "1: the task ended it; 0: it was cut")       \
    X(RV_M_EPISODE_FAILED,    "episode/failed",           "",        false, "1: the user's own environment failed")      \
    X(RV_M_EVAL_REWARD,       "eval/mean_reward",         "reward",  false, "mean return of the evaluation's episodes")\
    X(RV_M_EVAL_STD,          "eval/std_reward",          "reward",  false, "standard deviation of their returns")       \
    X(RV_M_EVAL_LENGTH,       "eval/mean_ep_length",      "steps",   false, "their mean length")                         \
    X(RV_M_CRITIC_LOSS,       "train/critic_loss",        "reward^2", false, "L_Q, mean over the tick's updates")        \
    X(RV_M_ACTOR_LOSS,        "train/actor_loss",         "reward",  false, "L_pi, mean over the tick's updates")        \
    X(RV_M_ENT_COEF,          "train/ent_coef",           "reward/nat", false, "temperature alpha")                      \
    X(RV_M_ENTROPY,           "train/entropy",            "nats",    false, "mean -log pi(a|s), mean over the tick's updates")\
    X(RV_M_Q_MEAN,            "train/q_mean",             "reward",  false, "mean Q_1(s,a), mean over the tick's updates")\
    X(RV_M_N_UPDATES,         "train/n_updates",          "updates", false, "policy updates since the start of the run") \
    X(RV_M_IMAGINED_SHARE,    "train/imagined_share",     "",        false, "part of the minibatch that is imagined")    \
    X(RV_M_TOTAL_TIMESTEPS,   "time/total_timesteps",     "steps",   false, "real steps since the start of the run")     \
    X(RV_M_FPS,               "time/fps",                 "steps/s", true,  "real steps per second of wall time")        \
    X(RV_M_TIME_ELAPSED,      "time/time_elapsed",        "s",       true,  "wall time since the run was started or resumed")\
    X(RV_M_MODEL_TRAIN_LOSS,  "model/train_loss",         "",        false, "training loss of a member, last epoch of its fit")\
    X(RV_M_MODEL_HOLDOUT_LOSS, "model/holdout_loss",      "",        false, "mean squared error on the held-out rows")\
    X(RV_M_MODEL_TERMINATION, "model/termination_error",  "",        false, "part of the held-out rows whose end a member gets wrong, where it is learned")\
    X(RV_M_MODEL_EPOCHS,      "model/epochs",             "epochs",  false, "epochs of the fit")                         \
    X(RV_M_MODEL_IS_ELITE,    "model/is_elite",           "",        false, "1 for a member that rollouts use, else 0")  \
    X(RV_M_MODEL_ROWS,        "model/n_rows",             "rows",    false, "real rows of the fit, held-out ones included")              \
    X(RV_M_IMAGINE_ROWS,      "imagine/rows",             "rows",    false, "imagined rows made")                        \
    X(RV_M_IMAGINE_LENGTH_MEAN, "imagine/length_mean",    "steps",   false, "mean length of the branches made")          \
    X(RV_M_IMAGINE_TERMINATED, "imagine/terminated_share", "",       false, "part of the branches that terminated")      \
    X(RV_M_IMAGINE_STOPPED,   "imagine/stopped_share",    "",        false, "part of the branches stopped for disagreement")\
    X(RV_M_IMAGINE_LENGTH,    "imagine/length",           "steps",   false, "longest branch that the schedule allows")   \
    X(RV_M_IMAGINE_DISAGREEMENT, "imagine/disagreement",  "",        false, "mean over the block's rows of the members' disagreement d, in predicted deviations")\
    X(RV_M_IMAGINE_EPISTEMIC, "imagine/epistemic",        "",        false, "root mean square of the members' spread, by the outputs' real deviations (model/trust.h)")\
    X(RV_M_IMAGINE_ALEATORIC, "imagine/aleatoric",        "",        false, "root of the mean predicted variance, by the same")\
    X(RV_M_IMAGINE_WEIGHT,    "imagine/weight_mean",      "",        false, "mean weight of the block's rows in the critics' loss")\
    X(RV_M_IMAGINE_STOPS_0,   "imagine/stops_0",          "branches", false, "branches of the block that disagreement stopped before their first row")\
    X(RV_M_IMAGINE_STOPS_1,   "imagine/stops_1",          "branches", false, "after 1 row")                              \
    X(RV_M_IMAGINE_STOPS_2,   "imagine/stops_2",          "branches", false, "after 2 rows")                             \
    X(RV_M_IMAGINE_STOPS_4,   "imagine/stops_4",          "branches", false, "after 3 or 4 rows")                        \
    X(RV_M_IMAGINE_STOPS_8,   "imagine/stops_8",          "branches", false, "after 5 to 8 rows")                        \
    X(RV_M_IMAGINE_STOPS_16,  "imagine/stops_16",         "branches", false, "after 9 to 16 rows")                       \
    X(RV_M_IMAGINE_STOPS_32,  "imagine/stops_32",         "branches", false, "after 17 to 32 rows")                      \
    X(RV_M_IMAGINE_STOPS_MORE, "imagine/stops_more",      "branches", false, "after more than 32 rows")                  \
    X(RV_M_PACE_REASON,       "pace/fit_reason",          "",        false, "why the tick has a fit, a sum: 1 interval, 2 loss, 4 policy, 8 disagreement")\
    X(RV_M_PACE_LENGTH,       "pace/length",              "steps",   false, "length of branches that holds in the tick") \
    X(RV_M_PACE_REAL_SHARE,   "pace/real_share",          "",        false, "part of the minibatch that is to be real")  \
    X(RV_M_PACE_LOSS_RATIO,   "pace/loss_ratio",          "",        false, "the elites' loss on rows after the fit, by their held-out loss")\
    X(RV_M_PACE_KL,           "pace/policy_kl",           "nats",    false, "from the policy to the one that made the newest branches")\
    X(RV_M_PACE_DISAGREEMENT_RATIO, "pace/disagreement_ratio", "",   false, "disagreement on rows after the fit, by that on held-out rows")\
    X(RV_M_PACE_QUALITY,      "pace/quality",             "",        false, "R^2 of the fit on held-out rows, in [0, 1]") \
    X(RV_M_PACE_GAIN,         "pace/gain",                "",        false, "how much a step of the model stretches a small error of the state") \
    X(RV_M_PACE_WITHIN_1,     "pace/within_1",            "",        false, "part of the errors within one predicted deviation; right: 0.683") \
    X(RV_M_PACE_WITHIN_2,     "pace/within_2",            "",        false, "part of the errors within two predicted deviations; right: 0.954") \
    X(RV_M_PACE_Z_SQUARED,    "pace/z_squared",           "",        false, "mean square of an error in predicted deviations; right: 1") \
    X(RV_M_CARD_ERROR,        "card/error",               "",        false, "of the state k = unit open-loop steps on, in deviations of the inputs")\
    X(RV_M_CARD_LOW,          "card/error_low",           "",        false, "the least of the members' own")            \
    X(RV_M_CARD_HIGH,         "card/error_high",          "",        false, "the largest of the members' own")           \
    X(RV_M_CARD_NAIVE,        "card/naive",               "",        false, "(1 + e)^k - 1 of the error e after one step") \
    X(RV_M_CARD_GUESS,        "card/gain_bound",          "",        false, "the error of one step, grown with pace/gain") \
    X(RV_M_CARD_MODEL_COST,   "card/model_cost",          "reward",  false, "error of k imagined rewards and the critics' value after them")\
    X(RV_M_CARD_CRITIC_COST,  "card/critic_cost",         "reward",  false, "error of the critics' value at the start")\
    X(RV_M_REAL_ROWS,         "data/real_rows",           "rows",    false, "rows in the real buffer")                   \
    X(RV_M_IMAGINED_ROWS,     "data/imagined_rows",       "rows",    false, "rows in the imagined buffer")               \
    X(RV_M_GUARD_UPDATES,     "guard/skipped_updates",    "updates", false, "policy updates of the tick left out: a gradient was not finite; absent: none")\
    X(RV_M_GUARD_BATCHES,     "guard/skipped_batches",    "batches", false, "minibatches of a fit left out: loss or gradient was not finite; absent: none")\
    X(RV_M_GUARD_EPOCHS,      "guard/discarded_epochs",   "epochs",  false, "of a fit whose weights could not be judged; absent: none")\
    X(RV_M_GUARD_ROWS,        "guard/lost_rows",          "rows",    false, "imagined rows left out: a number was not finite; absent: none")\
    X(RV_M_GUARD_EPISODES,    "guard/cut_episodes",       "episodes", false, "of the tick cut because the task gave a number that is not finite; absent: none")\
    X(RV_M_RANDOM_MASS,       "random/mass",              "",        false, "factor on masses and inertias that the episode drew")\
    X(RV_M_RANDOM_FRICTION,   "random/friction",          "",        false, "factor on friction")                        \
    X(RV_M_RANDOM_DAMPING,    "random/damping",           "",        false, "factor on joint damping")                   \
    X(RV_M_RANDOM_GEAR,       "random/gear",              "",        false, "factor on the gear of actuators")           \
    X(RV_M_RANDOM_DELAY,      "random/delay_s",           "s",       false, "delay of the actuators in the episode")     \
    X(RV_M_RANDOM_OBS_NOISE,  "random/obs_noise",         "",        false, "standard deviation of its noise on observations")\
    X(RV_M_WORK_S,            "time/work_s",              "s",       true,  "a rank's time at work in the tick; the three add up to the tick")\
    X(RV_M_WAIT_S,            "time/wait_s",              "s",       true,  "a rank's time waiting for others")          \
    X(RV_M_EXCHANGE_S,        "time/exchange_s",          "s",       true,  "a rank's time moving data")                 \
    X(RV_M_CHECKPOINT_S,       "time/checkpoint_s",        "s",       true,  "a rank's time held up by checkpoints since its last ledger, whatever it did")\
    X(RV_M_ACTOR_WORK_S, "time/work_actor_s", "s", true, "part of time/work_s that is the actor's") \
    X(RV_M_ACTOR_WAIT_S, "time/wait_actor_s", "s", true, "part of time/wait_s inside the actor's work") \
    X(RV_M_ACTOR_EXCHANGE_S, "time/exchange_actor_s", "s", true, "part of time/exchange_s inside the actor's work") \
    X(RV_M_MODEL_WORK_S, "time/work_model_s", "s", true, "part of time/work_s that is the model's") \
    X(RV_M_MODEL_WAIT_S, "time/wait_model_s", "s", true, "part of time/wait_s inside the model's work") \
    X(RV_M_MODEL_EXCHANGE_S, "time/exchange_model_s", "s", true, "part of time/exchange_s inside the model's work") \
    X(RV_M_ROLLOUT_WORK_S, "time/work_rollout_s", "s", true, "part of time/work_s that is the rollout's") \
    X(RV_M_ROLLOUT_WAIT_S, "time/wait_rollout_s", "s", true, "part of time/wait_s inside the rollout's work") \
    X(RV_M_ROLLOUT_EXCHANGE_S, "time/exchange_rollout_s", "s", true, "part of time/exchange_s inside the rollout's work") \
    X(RV_M_POLICY_WORK_S, "time/work_policy_s", "s", true, "part of time/work_s that is the policy's") \
    X(RV_M_POLICY_WAIT_S, "time/wait_policy_s", "s", true, "part of time/wait_s inside the policy's work") \
    X(RV_M_POLICY_EXCHANGE_S, "time/exchange_policy_s", "s", true, "part of time/exchange_s inside the policy's work") \
    X(RV_M_EVALUATOR_WORK_S, "time/work_evaluator_s", "s", true, "part of time/work_s that is the evaluator's") \
    X(RV_M_EVALUATOR_WAIT_S, "time/wait_evaluator_s", "s", true, "part of time/wait_s inside the evaluator's work") \
    X(RV_M_EVALUATOR_EXCHANGE_S, "time/exchange_evaluator_s", "s", true, "part of time/exchange_s inside the evaluator's work")
// clang-format on

typedef enum rv_metric {
#define RV_METRIC_ENUM(id, name, unit, is_wall, help) id,
    RV_METRIC_MAP(RV_METRIC_ENUM)
#undef RV_METRIC_ENUM
        RV_N_METRICS
} rv_metric;

/* The role whose frame ends a rank's tick: its unit is the rank's number, its values are the time ledger. work_s,
 * wait_s and exchange_s add up to the time since the rank's last ledger. The roles that the rank hosts have their parts
 * of them (time/work_policy_s, ...); what is left is the edges' and what happens between ticks (checkpoints). */
#define RV_ROLE_RANK "rank"

/* The role of the frame about what a run measures and decides, when it does (run/pace.h); its unit is 0. */
#define RV_ROLE_PACE "pace"

/* The role of the frames of an error card (model/card.h); the unit is the horizon k. */
#define RV_ROLE_CARD "card"

/* The role of a frame about one finished training episode. Its unit is e + k * env.count for the k-th episode that
 * environment e ended in the tick; its step is that of the environment's last transition. */
#define RV_ROLE_EPISODE "episode"

typedef struct rv_metric_info {
    const char *name, *unit, *help;
    bool is_wall;
} rv_metric_info;

/** The row of a metric. */
const rv_metric_info *rv_metric_get(rv_metric metric);

/** The metric of that name. @return RV_OK; RV_E_PROTOCOL "metric 'x' is not in the table" */
rv_status rv_metric_find(const char *name, rv_metric *out);

/** Add a value to a frame: how roles report. @return RV_OK; RV_E_INTERNAL (twice in one frame, frame full) */
rv_status rv_metric_add(rv_frame *frame, rv_metric metric, double value);

/* ---- metrics.jsonl ---- */

enum { RV_METRICS_LINE = 4096, RV_NUMBER_TEXT = 32 };

/** One line of JSON without newline:
 * {"tick":3,"step":750,"role":"model","unit":2,"rank":1,"wall":8.25,"model/train_loss":-1.5}
 * Numbers are the shortest text that reads back to the same bits; NaN and infinities are null. */
void rv_metrics_json(const rv_frame *frame, char out[RV_METRICS_LINE]);

/** The shortest of %.15g, %.16g, %.17g that reads back to the same bits; when not finite, not_finite. */
void rv_number_print(double value, const char *not_finite, char out[RV_NUMBER_TEXT]);

/** A line of metrics.jsonl. */
typedef struct rv_record {
    int64_t tick, step, unit, rank;
    char role[RV_FRAME_ROLE];
    double wall;
    int n_values;
    struct {
        rv_metric metric;
        double value; /* NaN for null */
    } values[RV_N_METRICS];
} rv_record;

/** The value of a metric in a record; NaN when it has none. */
double rv_record_get(const rv_record *record, rv_metric metric);

/** What is done with each record, in their order; a status that is not RV_OK ends the reading. */
typedef rv_status (*rv_record_callback)(void *user, const rv_record *record);

/** Read metrics.jsonl strictly: each line as rv_metrics_json writes it (members in any order), known metrics, lines in
 * the order (tick, role, unit), none twice.
 * @param[in] is_live whether the file may be growing: a last line without its end is left out then
 * @return RV_OK; RV_E_NOINPUT; RV_E_DATA with path:line; what the callback returns */
rv_status rv_metrics_read(const char *path, bool is_live, rv_record_callback callback, void *user);

/** Hash of what a run learned: XXH3-128 of one line of text per value in the order (tick, role, unit, name),
 *   "TICK ROLE UNIT STEP NAME VALUE\n"      VALUE as %.17g, or null
 * without the role "rank", the members rank and wall, and the metrics that depend on wall time: it is the same for
 * every layout, and after any stop and resume.
 * @param[in] path metrics.jsonl
 * @return RV_OK; what rv_metrics_read returns */
rv_status rv_metrics_hash(const char *path, char text[RV_HASH_TEXT]);
