package recipes_test

import (
	"os"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// TestMain is also the main function of the worker processes.
func TestMain(m *testing.M) {
	if os.Getenv(workerServers) != "" {
		work()
		return
	}
	processes.Main(m)
}
