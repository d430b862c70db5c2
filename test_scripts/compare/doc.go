// Program compare measures zabkeeper, ZooKeeper and etcd in one run on one
// machine, three servers of each on loopback, and writes what came of it:
//
//	benchmarks/latest.json   every run, the medians, and the machine
//	benchmarks/*.svg         the medians as bars
//	benchmarks.md            the table, between two markers; the rest is kept
//
// A measure is one experiment. It gives values to one row of the table or to
// several. Measures under load run round after round on ensembles that stay up,
// the peers taking turns, so that what else goes on hits all of them; the others
// have ensembles of their own. A measure that fails on a peer is recorded as
// failed there and ends nothing. Measures that are not run again keep their
// runs of latest.json, as long as the machine is the same.
//
// Figures where zabkeeper misses its target or is behind a peer stand in the
// table like the others, with the reason out of benchmarks/notes.txt.
package main
