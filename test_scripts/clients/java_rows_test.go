package clients

import (
	"os/exec"
	"strings"
	"testing"
)

// zooKeeperClass is what ZooKeeper's own client needs, from Debian.
var zooKeeperClass = []string{"/usr/share/java/zookeeper.jar", "/usr/share/java/zookeeper-jute.jar", "/usr/share/java/slf4j-simple.jar"}

// TestJavaRows is ClientRows.java, compiled here.
//
// covers: D02, D03, D04, D06, D09, D10, D12, D17, D18, N06, M01, M02, M05, M07, M09, W01, W02, W03, W04, W11, W14, W15, W16, W18
// covers: A03, A06, A07, A09, A15, C08, S05, S10, U01, U03, U04, Y02, G07, P03
func TestJavaRows(t *testing.T) {
	_, err := exec.LookPath("javac")
	need(t, "javac", err == nil)
	classes := t.TempDir()
	path := strings.Join(append(zooKeeperClass, classes), ":")
	if out, err := limited(t, "javac", "-Xlint:-options", "-cp", path, "-d", classes, "ClientRows.java").CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	compareRows(t, program("java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", path, "ClientRows"), nil)
}
