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

// TestSampleIsTheDefaults: the file names every key, at its default.
func TestSampleIsTheDefaults(t *testing.T) {
	got, err := parse("sample.toml", Sample)
	if err != nil {
		t.Fatal(err)
	}
	if want := Defaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	lines := keyLines(Sample)
	for _, s := range got.settings() {
		if lines[s.key] == 0 {
			t.Errorf("sample.toml does not name %s", s.key)
		}
	}
	if p := got.Validate(nil); p != nil {
		t.Errorf("Validate: %v", p)
	}
}

// TestEverySettingIsAKey: a field that no key reaches could not be set.
func TestEverySettingIsAKey(t *testing.T) {
	c := Defaults()
	reached := map[any]bool{}
	for _, s := range c.settings() {
		reached[s.place] = true
	}
	for _, v := range []reflect.Value{reflect.ValueOf(c).Elem(), reflect.ValueOf(&c.Log).Elem(), reflect.ValueOf(&c.SASL).Elem(), reflect.ValueOf(&c.X509).Elem(), reflect.ValueOf(&c.Timing).Elem()} {
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() != reflect.Struct && !reached[f.Addr().Interface()] {
				t.Errorf("%s.%s has no key", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zabkeeper.toml")
	text := "id = 3\nnodes = \"nodes.table\"\ntick_time = \"1500ms\"\nfour_letter_words = [\"*\"]\ntiming.ping = \"20ms\"\n[log]\nformat = \"json\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.ID, want.Nodes, want.TickTime, want.FourLetterWords = 3, filepath.Join(filepath.Dir(path), "nodes.table"), 1500*time.Millisecond, []string{"*"}
	want.Timing.Ping, want.Log.Format = 20*time.Millisecond, "json"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if least, most := got.SessionTimeouts(); least != 3*time.Second || most != 30*time.Second {
		t.Errorf("SessionTimeouts: got %v, %v", least, most)
	}
	if _, err := Load(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	if _, err := LoadTable(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing table: got %v", err)
	}
}

func TestLoadMistakes(t *testing.T) {
	tests := []struct{ text, want string }{
		{"id =", "f:1: "},
		{"# x\ntick_tme = \"2s\"", `f:2: "tick_tme": unknown key; did you mean tick_time?`},
		{"[timing]\npong = \"1s\"", `f:2: "timing.pong": unknown key; did you mean timing.ping?`},
		{"[tls]\ncert = \"x\"", `f:2: "tls.cert": unknown key`},
		{"[tls]", `"tls": unknown key`},
		{"tick_time = 2000", `f:1: "tick_time = 2000": not a duration; write a duration like "2s"`},
		{"tick_time = \"2000\"", "not a duration"},
		{"tick_time = \"0s\"", "out of range"},
		{"id = 0", "out of range; write a number from 1 to 2147483647"},
		{"id = \"1\"", "not a whole number"},
		{"id = 1.5", "not a whole number"},
		{"skip_acl = \"yes\"", "not true or false"},
		{"data = 5", "not a string"},
		{"four_letter_words = \"srvr\"", "not a list of strings"},
		{"four_letter_words = [1]", "not a list of strings"},
		{"[log]\nlevel = \"loud\"", "not one of the choices; write one of trace, debug"},
		{"log = 5", `"log": unknown key`},
		{strings.Repeat("#", settingsBytesMax+1), "want at most"},
		{strings.Repeat("a.", settingsBytesMax/2-10) + "b=1", "unknown key"},
		{"[[timing]]\nping = \"1s\"", `"timing": unknown key`},
	}
	for _, test := range tests {
		_, err := parse("f", []byte(test.text))
		if p, ok := errors.AsType[Problems](err); !ok || len(p) != 1 || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60q: got %v, want %s", test.text, err, test.want)
		}
	}
	_, err := parse("f", []byte("id = 0\nx = 1\ntick_time = 5\n"))
	if p, _ := errors.AsType[Problems](err); len(p) != 3 || p[0].Line != 1 || p[1].Line != 2 || p[2].Line != 3 {
		t.Errorf("got %v, want three problems by line", err)
	}
}

func TestValidate(t *testing.T) {
	table, err := ParseTable("nodes", []byte("1 a 1 2 3\n2 b 1 2 3\n3 c 1 2 3\n"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.ID = 4 }, "not in the node table; set id to one of 1, 2, 3"},
		{func(c *Config) { c.Data = "" }, "no data directory"},
		{func(c *Config) { c.MinSessionTimeout = time.Hour }, "longer than max_session_timeout = 40s"},
		{func(c *Config) { c.ClientAddress = "2181" }, "not host:port"},
		{func(c *Config) { c.SuperDigest = "x" }, "not user:digest"},
		{func(c *Config) { c.FourLetterWords = []string{"status"} }, "not a four-letter word"},
		{func(c *Config) { c.Timing.QuorumTimeout = c.Timing.FollowTimeout }, "must step down before"},
		{func(c *Config) { c.Timing.Ping = c.Timing.PeerTimeout / 2 }, "two pings"},
		{func(c *Config) { c.Timing.Heartbeat = c.Timing.LinkTimeout }, "two heartbeats"},
		{func(c *Config) { c.Timing.PenaltyMin = 2 * c.Timing.PenaltyMax }, "longer than timing.penalty_max"},
	}
	for _, test := range tests {
		c := Defaults()
		test.change(c)
		if p := c.Validate(table); len(p) == 0 || !strings.Contains(p.Error(), test.want) {
			t.Errorf("got %v, want %s", p, test.want)
		}
	}
	if p := Defaults().Validate(table); p != nil {
		t.Errorf("defaults: got %v", p)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(Sample)
	f.Add([]byte("a.b.c = {d = [1, {e = 2}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c *Config
		var err error
		if n := allocation.Bytes(func() { c, err = parse("fuzz", text) }); n > allocationCeiling(len(text)) {
			t.Errorf("%d bytes allocated for %d", n, len(text))
		}
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v, %v", c, err)
		}
		if err == nil {
			_ = c.Validate(nil)
		}
	})
}

// allocationCeiling is what reading n bytes of text may allocate: problems are
// sentences, and there may be one for every few bytes.
func allocationCeiling(n int) uint64 { return uint64(4096*n + 1<<20) }
