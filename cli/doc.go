// Package cli is the zabkeeper command: what a person types, and what comes
// back. Execute runs one command line.
//
// A command lives in a file of its own, which has a function that builds it
// from the environment; subcommands in root.go lists them. A command reports
// failure as an error: wrapped by exit it carries the exit status, any other
// error is a mistake in the command line. Nothing here writes to the process's
// own streams, so that tests run commands as users do.
package cli
