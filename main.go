// Command zabkeeper is a coordination service that speaks ZooKeeper's
// protocol: servers, clients and tools in one binary.
package main

import (
	"os"

	"github.com/zabkeeper/zabkeeper/cli"
)

func main() {
	os.Exit(cli.Execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
