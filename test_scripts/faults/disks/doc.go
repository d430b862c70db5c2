// Package disks are what the data directories of servers under test are on, and
// what goes wrong with them: they are full, lose what was not synced, fail or
// take long to sync. All of it needs root, and works on a stock Linux.
//
// Everything is unmounted at the end of the test; what an aborted run left is
// unmounted by the next one.
package disks
