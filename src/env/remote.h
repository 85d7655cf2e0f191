/* remote.h - environments behind a server: the protocol, version 1. launch/reverie-gym serves Gymnasium's; anything
 * that speaks it can be learned from, a robot too.
 *
 * Grammar. The run is the client. Each of its environments has a connection and a session of its own.
 *
 *   connection  = description, bye?                    ; to ask what is there: session 0
 *               | description, (episode | state)*, bye?
 *   description = hello        -> description | error
 *   episode     = start, (step -> transition | error)*
 *   start       = reset        -> observation | error
 *               | load         -> observation | error  ; goes on where a state was saved
 *   state       = save         -> state | error        ; at any time in an episode, which then goes on
 *   bye         = bye          -> done                 ; the client does not wait for it
 *
 * Transport. ZeroMQ over tcp or ipc; the client has a DEALER, the server a ROUTER, or a REP if it has one environment.
 * A message is an empty part and one msgpack map, at most RV_REMOTE_MAX_BYTES. A request gets exactly one answer, with
 * its session and n; the client ignores answers that carry other numbers: they are too late, or ask whether it is
 * there. No request follows another before its answer, or before the connection is given up. Where a server listens to
 * other machines, both sides have CURVE keys (remote_keys.h); the client refuses to go there without.
 *
 * Members. Each kind has these and no others, in any order; whole numbers in any width, real ones always as 64-bit
 * floats (so that they arrive bit for bit), texts in at most RV_REMOTE_MAX_TEXT bytes.
 *
 *   all          reverie     whole   version of the protocol, 1
 *                kind        text    "hello", ...
 *                session     whole   64 bits, chosen by the client; 0: no environment is wanted, only its description
 *                n           whole   number of the request: 1, 2, ... in a session
 *   hello        arguments   text    env.arguments: what it means is the server's to say
 *   reset        seed        whole   64 bits; all chance of the episode must come from it
 *   step         action      reals   in the units of act_low and act_high, and within them; or one, the number of a
 *                                    choice, 0 to n_actions - 1
 *   save, bye    nothing more
 *   load         state       bytes   what a save returned, in this session or another
 *   description  name, help  texts   for people, one line each
 *                n_obs       whole   numbers of an observation; 0 where it is one of n_states
 *                n_states    whole   0; or obs is one whole number, 0 to n_states - 1
 *                act_low     reals   finite bounds of the action, n of them; empty where it is a choice
 *                act_high    reals   above them
 *                n_actions   whole   0; or number of choices
 *                time_limit  whole   steps after which the run truncates an episode; 0: none, the server may do so
 *                dt          real    seconds of one step; 0: it has no clock
 *                alive_low   reals   empty; or n_obs bounds, infinite where there is none: an imagined state is alive
 *                alive_high  reals   while all its numbers lie in them. Without, imagination never ends an episode
 *                state_size  whole   most bytes of a saved state, up to RV_REMOTE_MAX_STATE; 0: it cannot be saved, and
 *                                    a run that is resumed begins new episodes
 *   observation  obs         reals   n_obs, or one
 *   transition   obs         reals   where the step led
 *                reward      real
 *                terminated  bool    the task ended there: no value beyond
 *                truncated   bool    cut for another reason
 *   state        state       bytes
 *   done         nothing more
 *   error        text        text    why it could not be done, for people
 *
 * Errors. An error, an answer that does not come within env.timeout_s, a lost connection, a malformed message, a wrong
 * size and a number that is not finite cost the episode: the client closes the connection, opens another with a new
 * session for env.timeout_s, trying again with pauses, and resets. A server must take an abandoned session as ended:
 * on bye, and when its connection is gone.
 *
 * Several addresses, separated by commas, are servers with the same description; environments are spread over
 * them, and one that is not let in, or is down, is passed over.
 */
#pragma once
#include "env/remote_link.h"

enum { RV_REMOTE_MAX_ADDRESSES = 16 };
