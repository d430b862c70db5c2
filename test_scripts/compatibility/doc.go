// Package compatibility compares zabkeeper with ZooKeeper itself, byte by byte,
// over raw connections.
//
//   - TestDifferential sends the same seeded sequence of valid and invalid
//     requests to a real ZooKeeper 3.8 and to zabkeeper, and compares every
//     reply, Stat, error, watch event and closed connection, up to the names of
//     zxids, times and sessions. The differences that are meant are listed in
//     intended_test.go, each with its reason. A sequence that shows another one
//     is shrunk, printed, and can be run again by its seed. Behind some sequences
//     both servers are killed, and what they read from their disks is compared.
//   - TestConformance checks what a client may rely on, row by row of the feature
//     table, against both servers, and against three where every connection goes
//     to another one.
//
// ZooKeeper is Debian's; without /usr/share/java/zookeeper.jar the tests that
// need it are skipped aloud. -differential.time and -differential.seed make the
// comparison longer or repeat one sequence; -differential.kills says how often
// both servers are killed.
package compatibility
