// Package election is the bully election: it finds the server that should lead
// and suggests it. It never decides anything that safety rests on; Zab's
// discovery phase does, where a quorum durably promises an epoch.
//
// The package is pure. A caller owns one Core per server and feeds it time
// (Tick), messages from server_port (Step), refused connections (Refused) and
// what the server itself is doing (SetLocal). After each call it carries out
// Ready: messages to send, and at most one Suggestion, to lead or to follow.
// The same inputs give the same outputs; the only randomness is the generator
// in Options.
//
// Servers are ranked by (epoch, counter, server number) of their last durable
// log record. Rule ids in comments (E1 to E14) name these rules:
//
//   - E1: a link is up when both directions are heard, after three good
//     heartbeats; it is down after LinkTimeout of silence or when the process
//     is known to be gone.
//   - E2, E3: only an eligible voter that hears a quorum in both directions may
//     stand, and only such a server may veto. A high rank without a quorum is
//     no obstacle.
//   - E6, E7: nobody stands while a quorum may have a live leader, and whoever
//     has one answers with its name. A returning server joins, it never unseats.
//   - E8, E9: lower ranks support with lower_id, higher ones veto with
//     higher_id; a quorum of supporters wins and announces coordinator.
//   - E10, E12: a veto must be used or it is lost, and a leader that does not
//     get established has to wait, longer each time.
//   - E13: every wait is jittered, every back-off grows.
package election
