package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

const ensemble = `# The number of milliseconds of each tick
tickTime=2500
initLimit=10
syncLimit=5
dataDir=/data
clientPort=2181
maxClientCnxns=0
autopurge.snapRetainCount=5
autopurge.purgeInterval=1
4lw.commands.whitelist=stat, ruok,*
admin.enableServer=false
skipACL=yes
jute.maxbuffer=4194304
zookeeper.snapCount = 5000
DigestAuthenticationProvider.superDigest=super\:abc=
DigestAuthenticationProvider.digestAlg=SHA-256
my.own.key=1
server.1=zoo1:2888:3888
server.2=zoo2.example.com:2888:3888:participant;0.0.0.0:2182
server.3=[2001:db8::3]:2888:3888:observer;[::]:2183
group.1=1:2
weight.2=3
`

func files(all map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if text, ok := all[path]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
}

// covers: G02
func TestZooCfgEnsemble(t *testing.T) {
	c, table, warnings, err := parseZooCfg("zoo.cfg", []byte(ensemble), files(map[string]string{"/data/myid": "1\n"}))
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.ReconfigEnabled, want.VotersMin, want.Operators = false, 2, nil
	want.ID, want.Data, want.TickTime, want.ClientAddress = 1, "/data", 2500*time.Millisecond, ":2181"
	want.MaxClientConnections, want.SnapshotsKept, want.SnapshotCount, want.FrameBytesMax = 0, 5, 5000, 4<<20
	want.FourLetterWords, want.SkipACL = []string{"stat", "ruok", "*"}, true
	want.SuperDigest, want.DigestAlgorithm = "super:abc=", "SHA256"
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	text := "1 zoo1 3888 2888 - group=1\n2 zoo2.example.com 3888 2888 2182 weight=3 group=1\n3 2001:db8::3 3888 2888 2183 role=observer\n"
	if table.Text() != text {
		t.Errorf("table: got\n%swant\n%s", table.Text(), text)
	}
	var got []string
	for _, w := range warnings {
		got = append(got, w.String())
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{`zoo.cfg:3: "initLimit=10": has no effect`, `zoo.cfg:17: "my.own.key=1": unknown key`, "2 voters tolerate no more"} {
		if !strings.Contains(all, want) {
			t.Errorf("warnings: got\n%s\nwant %s", all, want)
		}
	}
	if p := c.Validate(table); p != nil {
		t.Errorf("Validate: %v", p)
	}
	c, _, _, err = parseZooCfg("zoo.cfg", []byte(ensemble), files(map[string]string{"/data/myid": "2"}))
	if err != nil || c.ClientAddress != "0.0.0.0:2182" {
		t.Errorf("server 2: got %+v, %v, want its server line's client port", c, err)
	}
}

// covers: G05
func TestZooCfgStandalone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "zoo.cfg")
	if err := os.WriteFile(path, []byte("dataDir="+dir+"\nclientPort=2191\nclientPortAddress=127.0.0.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, table, warnings, err := LoadZooCfg(path)
	if err != nil || len(warnings) != 0 || c.ClientAddress != "127.0.0.1:2191" || table.Text() != "1 127.0.0.1 - - 2191\n" {
		t.Errorf("got %+v, %+v, %v, %v", c, table, warnings, err)
	}
	// One server line: myid is not needed, and the number is that of the line.
	text := "dataDir=/data\nclientPort=2181\nserver.7=h:1:2\n"
	c, _, _, err = parseZooCfg("z", []byte(text), files(nil))
	if err != nil || c.ID != 7 {
		t.Errorf("one server line: got %+v, %v", c, err)
	}
}

// covers: G04
func TestZooCfgDynamicFile(t *testing.T) {
	text := "dataDir=/data\ndynamicConfigFile=/etc/zoo.dynamic.1\n"
	dynamic := "server.1=a:1:2:participant;2181\nserver.2=b:1:2:participant;2181\nserver.3=c:1:2:participant;2181\n"
	c, table, warnings, err := parseZooCfg("z", []byte(text), files(map[string]string{"/data/myid": "3", "/etc/zoo.dynamic.1": dynamic}))
	if err != nil || len(warnings) != 0 || c.ID != 3 || c.ClientAddress != ":2181" || len(table.Rows) != 3 {
		t.Errorf("got %+v, %+v, %v, %v", c, table, warnings, err)
	}
}

// covers: G03
func TestZooCfgMistakes(t *testing.T) {
	const base = "dataDir=/data\nclientPort=2181\n"
	const servers = base + "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n"
	tests := []struct{ text, myid, want string }{
		{"clientPort=2181\n", "1", "no data directory; set dataDir"},
		{"dataDir=/data\n", "1", "no client port; set clientPort"},
		{"dataDir=/data\nclientPortAddress=a\n", "1", "clientPortAddress without clientPort"},
		{"dataDir=/data\nclientPort=x\n", "1", "not a port"},
		{servers, "", "/data/myid: "},
		{servers, "one", `/data/myid:1: "one": not a server number`},
		{servers, "4", "there is no line server.4"},
		{base + "server.1=a:1:2:king\n", "1", "no such role: king"},
		{base + "server.1=a:1\n", "1", "not an address with two ports"},
		{base + "server.x=a:1:2\n", "1", "not a server number"},
		{base + "server.1=a:1:1\n", "1", "leader_port is the same as server_port"},
		{base + "server.1=a:1:0\n", "1", "not a port for electionPort"},
		{base + "server.1=a:1:2:observer\n", "1", "no voters"},
		{base + "tickTime=fast\n", "1", `z:3: "tickTime=fast": not a number`},
		{base + "tickTime=0\n", "1", "out of range"},
		{base + "skipACL=maybe\n", "1", "not true or false"},
		{base + "minSessionTimeout=60000\nmaxSessionTimeout=1000\n", "1", "longer than max_session_timeout"},
		{base + "peerType=king\n", "1", "no such role"},
		{base + "dynamicConfigFile=/none\n", "1", "correct dynamicConfigFile"},
		{servers + "group.1=1:9\n", "1", "no server 9"},
		{servers + "weight.9=1\n", "1", "not a weight of a server"},
	}
	for _, test := range tests {
		all := map[string]string{}
		if test.myid != "" {
			all["/data/myid"] = test.myid
		}
		_, _, _, err := parseZooCfg("z", []byte(test.text), files(all))
		if p, ok := errors.AsType[Problems](err); !ok || len(p) != 1 || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want one problem: %s", test.text, err, test.want)
		}
	}
}

// TestZooCfgToleratesWhatWorksInZooKeeper: an unmodified file starts the server.
//
// covers: G01
func TestZooCfgToleratesWhatWorksInZooKeeper(t *testing.T) {
	text := "dataDir=/data\nclientPort=2181\nsnapCount=1\nsnapSizeLimitInKb=0\ntxnLogSizeLimitInKb=-1\nminSessionTimeout=-1\n" +
		"jute.maxbuffer=104857600\nclientPort=2182\nserver.1=0.0.0.0:2888:3888\nssl.keyStore.location=/x\n"
	c, _, warnings, err := parseZooCfg("z", []byte(text), files(map[string]string{"/data/myid": "1"}))
	if err != nil || c.SnapshotCount != 2 || c.SnapshotBytes != 1<<40 || c.SegmentBytes != 64<<20 || c.FrameBytesMax != 15<<20 || c.ClientAddress != ":2182" {
		t.Errorf("got %+v, %v", c, err)
	}
	if len(warnings) != 5 {
		t.Errorf("got %d warnings, want 5: %v", len(warnings), warnings)
	}
}

func TestProperties(t *testing.T) {
	text := "# c\n! c\n a = b \r\nc:d\re  f\nlong=x\\\n   y\\\\\nk\\=1=\\u00e9\\tz\\q\nempty\nutf=\u00e4\\\n"
	want := []property{{"a", "b", 3}, {"c", "d", 4}, {"e", "f", 5}, {"long", `xy\`, 6}, {"k=1", "\u00e9\tzq", 8}, {"empty", "", 9}, {"utf", "\u00e4", 10}}
	if got := parseProperties([]byte(text)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func FuzzZooCfg(f *testing.F) {
	f.Add([]byte(ensemble), []byte("1"))
	f.Add([]byte("a\\u12\\"), []byte(""))
	f.Fuzz(func(t *testing.T, text, myid []byte) {
		read := func(path string) ([]byte, error) { return myid, nil }
		var c *Config
		var table *Table
		var err error
		n := allocation.Bytes(func() { c, table, _, err = parseZooCfg("fuzz", text, read) })
		if n > allocationCeiling(len(text)+len(myid)) {
			t.Errorf("%d bytes allocated for %d", n, len(text)+len(myid))
		}
		if (c == nil) == (err == nil) || (table == nil) == (err == nil) {
			t.Fatalf("got %v, %v, %v", c, table, err)
		}
		if err != nil {
			return
		}
		if p := c.Validate(table); p != nil {
			t.Fatalf("accepted, and then: %v", p)
		}
	})
}
