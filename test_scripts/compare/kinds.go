package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The peers.
const (
	zabkeeper = "zabkeeper"
	zooKeeper = "zookeeper"
	etcd      = "etcd"
)

// peerNames are all of them, in the order of the table.
var peerNames = []string{zabkeeper, zooKeeper, etcd}

// tracer delays the syncs of a disk.
const tracer = "strace"

// zooKeeperJars are Debian's; the first names what it needs in its manifest.
var zooKeeperJars = []string{"/usr/share/java/zookeeper.jar", "/usr/share/java/slf4j-simple.jar"}

// kind is how the servers of a peer are started and asked.
type kind struct {
	name    string
	title   string
	command func(e *ensemble, s *server) ([]string, error)
	role    func(s *server) string // leader, follower; nothing while it does not serve
	probe   func(s *server) error  // a write that is acknowledged
}

func (l *lab) kinds() map[string]*kind {
	return map[string]*kind{
		zabkeeper: {name: zabkeeper, title: "zabkeeper", role: modeOf, probe: probeZooKeeper, command: func(e *ensemble, s *server) ([]string, error) {
			cfg, err := writeZooCfg(e, s)
			return []string{l.zabkeeper, "serve", "--log-level", "warn", "--zoocfg", cfg}, err
		}},
		zooKeeper: {name: zooKeeper, title: "ZooKeeper", role: modeOf, probe: probeZooKeeper, command: func(e *ensemble, s *server) ([]string, error) {
			cfg, err := writeZooCfg(e, s)
			return []string{"java", "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
				"-cp", strings.Join(zooKeeperJars, ":"), "org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg}, err
		}},
		etcd: {name: etcd, title: "etcd", role: etcdRole, probe: probeEtcd, command: etcdCommand},
	}
}

// writeZooCfg writes the settings, which zabkeeper and ZooKeeper read alike: the
// defaults, but for any number of connections from this host.
func writeZooCfg(e *ensemble, s *server) (string, error) {
	data := filepath.Join(s.dir, "data")
	var b strings.Builder
	fmt.Fprintf(&b, "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\n"+
		"maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=*\nautopurge.snapRetainCount=3\nautopurge.purgeInterval=1\n", data, s.ports[0])
	for _, o := range e.servers {
		fmt.Fprintf(&b, "server.%d=127.0.0.1:%d:%d\n", o.number, o.ports[1], o.ports[2])
	}
	b.WriteString(e.options.lines)
	cfg := filepath.Join(s.dir, "zoo.cfg")
	if err := os.WriteFile(filepath.Join(data, "myid"), []byte(strconv.Itoa(s.number)), 0o644); err != nil {
		return "", err
	}
	return cfg, os.WriteFile(cfg, []byte(b.String()), 0o644)
}

// etcdQuotaBytes is room for a million keys and their history.
const etcdQuotaBytes = 8 << 30

func etcdCommand(e *ensemble, s *server) ([]string, error) {
	var cluster []string
	for _, o := range e.servers {
		cluster = append(cluster, fmt.Sprintf("m%d=http://127.0.0.1:%d", o.number, o.ports[1]))
	}
	client, peer := "http://"+s.client, fmt.Sprintf("http://127.0.0.1:%d", s.ports[1])
	return []string{"etcd", "--name", fmt.Sprintf("m%d", s.number), "--data-dir", filepath.Join(s.dir, "data"),
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new",
		"--quota-backend-bytes", strconv.Itoa(etcdQuotaBytes), "--logger", "zap", "--log-level", "warn"}, nil
}

// askTime bounds a question to a server.
const askTime = 2 * time.Second

// word sends a four-letter word; a server that is not reached answers nothing.
func word(address, w string) string {
	nc, err := net.DialTimeout("tcp", address, askTime)
	if err != nil {
		return ""
	}
	defer func() { _ = nc.Close() }()
	_ = nc.SetDeadline(time.Now().Add(askTime))
	if _, err := nc.Write([]byte(w)); err != nil {
		return ""
	}
	b, _ := io.ReadAll(nc) // what has come is what there is
	return string(b)
}

// lineOf is what follows a name in an answer of lines.
func lineOf(text, name string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func modeOf(s *server) string { return lineOf(word(s.client, "srvr"), "Mode: ") }

var askHTTP = &http.Client{Timeout: askTime, Transport: &http.Transport{DisableKeepAlives: true}}

func etcdRole(s *server) string {
	r, err := askHTTP.Get("http://" + s.client + "/metrics")
	if err != nil {
		return ""
	}
	defer func() { _ = r.Body.Close() }()
	b, _ := io.ReadAll(r.Body)
	switch text := string(b); {
	case lineOf(text, "etcd_server_is_leader ") == "1":
		return "leader"
	case lineOf(text, "etcd_server_has_leader ") == "1":
		return "follower"
	}
	return ""
}

// probeEtcd puts a key through the gateway, which needs no client.
func probeEtcd(s *server) error {
	key := base64.StdEncoding.EncodeToString([]byte("probe"))
	r, err := askHTTP.Post("http://"+s.client+"/v3/kv/put", "application/json", strings.NewReader(fmt.Sprintf(`{"key":%q}`, key)))
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("a put was answered with %s", r.Status)
	}
	return nil
}
