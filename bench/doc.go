// Package bench puts load on servers that speak ZooKeeper's protocol and reports
// what they did with it: operations per second, latencies, and, for servers of
// this machine, CPU, memory and disk bytes per operation.
//
// Run measures one Workload. A closed loop keeps a fixed number of requests
// under way on every connection; an open loop (Options.Rate) starts requests by
// a schedule that does not wait for the server, and counts a latency from the
// moment the schedule names. So a server that stalls pays for every request
// that should have begun meanwhile, not for one only.
//
// Everything happens below one new sequential node, which is removed with all
// that is in it when Run returns, whether it succeeded, failed or was told to
// stop. Only a process that is killed leaves it behind, and Fill, which is for
// that.
//
// Every connection has one goroutine that writes and one that reads. Neither
// allocates for an operation.
package bench
