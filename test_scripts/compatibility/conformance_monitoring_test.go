package compatibility

import (
	"regexp"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// shaped checks that an answer has all of these lines, each a pattern, in this
// order, with anything between them.
func shaped(t *testing.T, s *Server, word string, lines ...string) {
	t.Helper()
	if answer := s.Word(word); !regexp.MustCompile(`(?s)\A(?:.*\n)?` + strings.Join(lines, `\n(?:.*\n)?`) + `\n`).MatchString(answer + "\n") {
		t.Errorf("%s: got %q, want lines %q", word, answer, lines)
	}
}

// serverLines are what srvr and stat say about the server.
var serverLines = []string{`Latency min/avg/max: \d+/\d+\.\d+/\d+`, `Received: \d+`, `Sent: \d+`, `Connections: \d+`, `Outstanding: \d+`,
	`Zxid: 0x[0-9a-f]+`, `Mode: (standalone|leader|follower)`}

var monitoringRows = []row{
	{"F01", "", func(t *testing.T, s *Server) { equal(t, "ruok", s.Word("ruok"), "imok") }},
	{"F02", "", func(t *testing.T, s *Server) {
		shaped(t, s, "srvr", append(append([]string{`Zookeeper version: 3\.[^\n]*`}, serverLines...), `Node count: \d+`)...)
	}},
	{"F03", "", func(t *testing.T, s *Server) {
		shaped(t, s, "stat", append([]string{`Zookeeper version: 3\.[^\n]*`, `Clients:`, ` /127\.0\.0\.1:\d+\[[01]\]\(queued=\d+,recved=\d+,sent=\d+\)`, ``}, serverLines...)...)
	}},
	{"F04", "", func(t *testing.T, s *Server) {
		answer := s.Word("mntr")
		for line := range strings.Lines(answer) {
			if !regexp.MustCompile(`\Azk_[^\t\n]+\t[^\t\n]+\n\z`).MatchString(line) {
				t.Errorf("mntr: line %q", line)
			}
		}
		for _, key := range []string{"version", "server_state", "avg_latency", "max_latency", "min_latency", "packets_received", "packets_sent", "num_alive_connections",
			"outstanding_requests", "znode_count", "watch_count", "ephemerals_count", "approximate_data_size", "open_file_descriptor_count", "max_file_descriptor_count",
			"global_sessions", "local_sessions", "connection_rejected", "uptime", "avg_fsynctime", "avg_readlatency", "avg_updatelatency", "max_readlatency", "cnt_updatelatency"} {
			if !strings.Contains("\n"+answer, "\nzk_"+key+"\t") {
				t.Errorf("mntr: no zk_%s", key)
			}
		}
	}},
	{"F05", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/e", "", wire.FlagEphemeral)
		shaped(t, s, "dump", `SessionTracker dump:`, `ephemeral nodes dump:`, `Sessions with Ephemerals \(\d+\):`, `0x[0-9a-f]+:`, `\t`+regexp.QuoteMeta(path)+`/e`, `Connections dump:`)
		shaped(t, s, "conf", `clientPort=\d+`, `secureClientPort=-1`, `dataDir=[^\n]+`, `dataLogDir=[^\n]+`, `tickTime=300`, `maxClientCnxns=0`, `minSessionTimeout=600`,
			`maxSessionTimeout=30000`, `serverId=\d+`)
		shaped(t, s, "envi", `Environment:`, `zookeeper\.version=3\.[^\n]*`, `host\.name=[^\n]+`, `os\.name=[^\n]+`, `os\.arch=[^\n]+`)
		shaped(t, s, "dirs", `datadir_size: \d+`, `logdir_size: \d+`)
		shaped(t, s, "cons", ` /127\.0\.0\.1:\d+\[\d+\]\(queued=\d+,recved=\d+,sent=\d+,sid=0x[0-9a-f]+,lop=[A-Z0-9]+,est=\d+,to=\d+,lcxid=0x[0-9a-f]+,lzxid=0x[0-9a-f]+,lresp=\d+,llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+\)`)
	}},
	{"F06", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.read(wire.OpGetData, path, true)
		shaped(t, s, "wchs", `\d+ connections watching \d+ paths`, `Total watches:\d+`)
		shaped(t, s, "wchc", `0x[0-9a-f]+`, `\t`+regexp.QuoteMeta(path))
		shaped(t, s, "wchp", regexp.QuoteMeta(path), `\t0x[0-9a-f]+`)
	}},
	{"F07", "", func(t *testing.T, s *Server) {
		equal(t, "crst", s.Word("crst"), "Connection stats reset.\n")
		equal(t, "srst", s.Word("srst"), "Server stats reset.\n")
	}},
	{"F08", "", func(t *testing.T, s *Server) { equal(t, "isro", s.Word("isro"), "rw") }},
	{"N04", "", func(t *testing.T, s *Server) { // N04b has the setting that does not
		u := connect(t, s)
		equal(t, "createTTL", u.do(wire.OpCreateTTL, ttlRecord(home(t, u)+"/t", wire.FlagTTL, 1000)).Err, wire.OK)
	}},
	{"N06", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for ttl, want := range map[int64]wire.ErrorCode{0: wire.ErrBadArguments, -1: wire.ErrBadArguments, 1 << 40: wire.ErrBadArguments, 1<<40 - 1: wire.OK} {
			equal(t, "a time to live", u.do(wire.OpCreateTTL, ttlRecord(path+"/t", wire.FlagTTL, ttl)).Err, want)
		}
	}},
	{"N07", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for range 2 {
			equal(t, "createTTL", u.do(wire.OpCreateTTL, ttlRecord(path+"/t-", wire.FlagSequentialTTL, 1<<40-1)).Err, wire.OK)
		}
		equal(t, "names", u.children(path), []string{"t-0000000000", "t-0000000001"})
	}},
	{"Y01", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		for _, path := range []string{"/zookeeper", "/zookeeper/quota", "/zookeeper/config"} {
			equal(t, path, u.read(wire.OpGetData, path, false), wire.OK)
		}
		equal(t, "ACL of the configuration", u.acl("/zookeeper/config"), []string{"1 world:anyone"})
	}},
}
