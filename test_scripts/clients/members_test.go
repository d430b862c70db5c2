package clients

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// TestZkCliReconfigures changes the membership with ZooKeeper's own shell.
// covers: G06, Y02
func TestZkCliReconfigures(t *testing.T) {
	_, err := os.Stat(zkCli)
	need(t, "zkCli.sh", err == nil)
	c := processes.New(t, 3)
	c.Plan(1)
	fourth := c.Join()
	c.AwaitServing(fourth)
	self := fourth.Word("self")
	_, row, _ := strings.Cut(self, `"row":"`)
	row, _, _ = strings.Cut(row, `"`)
	follower := 1
	if c.Leader() == c.Servers[0] {
		follower = 2
	}
	script := []typed{
		{"reconfig -add " + row, row},
		{"config", row},
		{fmt.Sprintf("reconfig -remove %d", follower), "Committed new configuration:"},
		{"config -c", fourth.Client},
		{"reconfig -v 5 -remove 4", "version No is not valid"},
		{"reconfig -add server.7=bad", "Arguments are not valid"},
		{"ls /", "[zookeeper]"},
	}
	runZkCli(t, fourth.Client, script)
	if text := fourth.Word("self"); !strings.Contains(text, `"voter":true`) || strings.Contains(text, fmt.Sprintf(`"server.%d=`, follower)) {
		t.Errorf("the new server says %s", text)
	}
}
