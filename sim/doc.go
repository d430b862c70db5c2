// Package sim runs a whole cluster from one seed: real replicas over the real
// log, snapshot and recovery code, on simulated disks, networks and clocks. What
// it tests is what runs; only goroutines, sockets and the operating system are
// replaced.
//
// One seed and one mode decide everything, and two runs of them give the same
// trace hash. Time jumps from event to event. What goes wrong in a run is a plan
// that is drawn before it begins, so a failing run can be shrunk by leaving
// parts of the plan out.
//
// After every turn of a server the invariants of the protocol are checked
// against what the whole cluster did (I1 to I23 of the comments); at the end the
// faults stop, and the cluster must elect, catch up and answer every client.
package sim
