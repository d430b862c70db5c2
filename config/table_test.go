package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

const three = `# our servers
2 10.0.0.2 5000 6000 2181 role=observer admin=8080
[1] [10.0.0.1] [5000] [6000] [2181]   # brackets are notation

3 Host-3.example.com 5000 6000 2181 weight=2 group=1 role=voter
4 [::1] 5000 6000 -
`

func TestParseTable(t *testing.T) {
	got, err := ParseTable("nodes", []byte(three))
	if err != nil {
		t.Fatal(err)
	}
	want := "1 10.0.0.1 5000 6000 2181\n2 10.0.0.2 5000 6000 2181 role=observer admin=8080\n" +
		"3 host-3.example.com 5000 6000 2181 weight=2 group=1\n4 ::1 5000 6000 -\n"
	if got.Text() != want {
		t.Errorf("Text: got\n%swant\n%s", got.Text(), want)
	}
	again, err := ParseTable("again", []byte(want))
	if err != nil || again.Hash() != got.Hash() || len(Differences(got, again)) != 0 {
		t.Errorf("canonical text: got %v, differences %v", err, Differences(got, again))
	}
	if r := got.Row(4); r.ServerAddress() != "[::1]:5000" || r.LeaderAddress() != "[::1]:6000" || r.Line != 6 {
		t.Errorf("row 4: got %+v", r)
	}
	if got.Row(5) != nil || len(got.Warnings) != 0 {
		t.Errorf("got row 5 %v, warnings %v", got.Row(5), got.Warnings)
	}
}

func TestTableMistakes(t *testing.T) {
	const good = "9 10.0.0.9 5000 6000 2181\n"
	tests := []struct{ text, want string }{
		{"", "nodes: no voters"},
		{"9 10.0.0.9 5000 6000 2181 role=observer", "no voters"},
		{"0 10.0.0.1 5000 6000 2181", `nodes:1: "0": not a server number; write a number from 1 to 2147483647`},
		{"2147483648 10.0.0.1 5000 6000 2181", "not a server number"},
		{"x 10.0.0.1 5000 6000 2181", "not a server number"},
		{good + "9 10.0.0.1 5000 6000 2181", `nodes:2: "9": server number is also on line 1`},
		{"1 10.0.0.1 0 6000 2181", "not a port for server_port"},
		{"1 10.0.0.1 5000 65536 2181", "not a port for leader_port"},
		{"1 10.0.0.1 5000 6000 http", "not a port for client_port"},
		{"1 10.0.0.1 5000 5000 2181", `"10.0.0.1:5000": leader_port is the same as server_port on line 1`},
		{good + "1 10.0.0.9 5001 6001 2181", "client_port is the same as client_port on line 1"},
		{good + "1 10.0.0.1 5001 6001 2181 admin=2181", "admin is the same as client_port on line 2"},
		{good + "1 10.0.0.1 - 6001 2181", "other servers need server_port and leader_port"},
		{"1 10.0.0.1 5000 6000", "no client_port; write: number IP"},
		{"1 10.0.0.1 5000 role=voter", "no leader_port"},
		{"1", "no IP"},
		{"1 10.0.0.300 5000 6000 2181", "not an IP address or host name"},
		{"1 a/b 5000 6000 2181", "not an IP address or host name"},
		{"1 0.0.0.0 5000 6000 2181", "other servers can connect to"},
		{"1 10.0.0.1 5000 6000 2181 rule=voter", "unknown word; did you mean role=?"},
		{"1 10.0.0.1 5000 6000 2181 role=king", "no such role"},
		{"1 10.0.0.1 5000 6000 2181 role=voter role=voter", "role is given twice"},
		{"1 10.0.0.1 5000 6000 2181 weight=-1", "out of range"},
		{"1 10.0.0.1 5000 6000 2181 group=0", "out of range"},
		{"1 10.0.0.1 5000 6000 2181 admin=0", "not a port for admin"},
		{"1 10.0.0.1 5000 6000 2181 2182", "unknown word"},
		{strings.Repeat("#", TableBytesMax+1), "want at most"},
	}
	for _, test := range tests {
		table, err := ParseTable("nodes", []byte(test.text))
		p, ok := errors.AsType[Problems](err)
		if !ok || table != nil || len(p) != 1 || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60q: got %v, want one problem: %s", test.text, err, test.want)
		}
	}
}

// covers: G03
func TestAllMistakesAtOnce(t *testing.T) {
	_, err := ParseTable("nodes", []byte("x 10.0.0.1 0 6000 2181 role=king\n1\n"))
	if p, _ := errors.AsType[Problems](err); len(p) != 4 || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("got %v, want 4 problems on a line each", err)
	}
}

func TestEvenVotersAreAWarning(t *testing.T) {
	got, err := ParseTable("nodes", []byte("1 a 1 2 3\n2 b 1 2 3\n"))
	if err != nil || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0].String(), "2 voters tolerate no more failures than 1") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDifferences(t *testing.T) {
	a, _ := ParseTable("mine", []byte("1 a 1 2 3\n2 b 1 2 3\n3 c 1 2 3\n"))
	b, _ := ParseTable("theirs", []byte("1 a 1 2 3\n\n2 b 1 2 4\n4 d 1 2 3\n"))
	want := []string{`mine:2: "2 b 1 2 3": theirs:3 has "2 b 1 2 4"; make the tables equal`,
		`mine:3: "3 c 1 2 3": this row is missing in theirs; make the tables equal`,
		`mine: "4 d 1 2 3": this row is only in theirs:4; make the tables equal`}
	var got []string
	for _, p := range Differences(a, b) {
		got = append(got, p.String())
	}
	if !reflect.DeepEqual(got, want) || a.Hash() == b.Hash() {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStandalone(t *testing.T) {
	c, table := Standalone("/data")
	if c.Data != "/data" || table.Row(c.ID).ClientAddress() != "127.0.0.1:2181" || c.Validate(table) != nil {
		t.Errorf("got %+v, %+v, %v", c, table, c.Validate(table))
	}
	if _, err := ParseTable("text", []byte(table.Text())); err != nil {
		t.Errorf("its text does not parse: %v", err)
	}
}

func TestNearest(t *testing.T) {
	for in, want := range map[string]string{"tick_tme": "tick_time", "tik_time": "tick_time", "xyzzy": "", strings.Repeat("x", 5000): ""} {
		if got := nearest(in, []string{"id", "tick_time", "data"}); got != want {
			t.Errorf("nearest(%.20q): got %q, want %q", in, got, want)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte(three))
	f.Add([]byte("1 a - - 3\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var table *Table
		var err error
		if n := allocation.Bytes(func() { table, err = ParseTable("fuzz", text) }); n > allocationCeiling(len(text)) {
			t.Errorf("%d bytes allocated for %d", n, len(text))
		}
		if err != nil {
			if p, ok := errors.AsType[Problems](err); !ok || len(p) == 0 || table != nil {
				t.Fatalf("got %v, %#v", table, err)
			}
			return
		}
		again, err := ParseTable("again", []byte(table.Text()))
		if err != nil || again.Text() != table.Text() || len(Differences(table, again)) > 0 {
			t.Fatalf("%q: canonical text: %v", table.Text(), err)
		}
		for i := range table.Rows {
			if r := &table.Rows[i]; table.Row(r.ID) != r {
				t.Fatalf("Row(%d): %v", r.ID, fmt.Sprint(table.Rows))
			}
		}
	})
}
