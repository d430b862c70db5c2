// Package sim runs a whole cluster from one seed: real replicas over the real
// log, snapshot and recovery code, on simulated disks, networks and clocks. What
// it tests is what runs; only goroutines, sockets and the operating system are
// replaced.
//
// One seed decides everything. Time jumps from event to event. After every
// event the invariants of the protocol are checked; at the end the faults stop,
// and the cluster must elect, catch up and answer every client.
package sim
