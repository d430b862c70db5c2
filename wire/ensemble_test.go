package wire

import (
	"errors"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

func TestEnsembleServer(t *testing.T) {
	for _, c := range []struct {
		line                              string
		want                              EnsembleServer
		back, quorum, electionAddr, reach string
	}{
		{"server.1=10.0.0.1:2888:3888:participant;10.0.0.1:2181", EnsembleServer{1, "10.0.0.1", 2888, 3888, false, "10.0.0.1", 2181},
			"10.0.0.1:2888:3888:participant;10.0.0.1:2181", "10.0.0.1:2888", "10.0.0.1:3888", "10.0.0.1:2181"},
		{" server.7 = zoo-7:1:2:OBSERVER;2181 ", EnsembleServer{7, "zoo-7", 1, 2, true, "", 2181},
			"zoo-7:1:2:observer;2181", "zoo-7:1", "zoo-7:2", "zoo-7:2181"},
		{"server.2=[::1]:5:6;0.0.0.0:9", EnsembleServer{2, "::1", 5, 6, false, "0.0.0.0", 9},
			"[::1]:5:6:participant;0.0.0.0:9", "[::1]:5", "[::1]:6", "[::1]:9"},
		{"server.3=a:5:6", EnsembleServer{3, "a", 5, 6, false, "", 0}, "a:5:6:participant", "a:5", "a:6", ""},
		{"server.4=a:5:6;[fe80::1]:7", EnsembleServer{4, "a", 5, 6, false, "fe80::1", 7}, "a:5:6:participant;[fe80::1]:7", "a:5", "a:6", "[fe80::1]:7"},
	} {
		got, err := ParseEnsembleServer(c.line)
		if err != nil || got != c.want {
			t.Errorf("%q: got %+v, %v; want %+v", c.line, got, err, c.want)
		}
		if got.String() != c.back || got.QuorumAddress() != c.quorum || got.ElectionAddress() != c.electionAddr || got.ClientAddress() != c.reach {
			t.Errorf("%q: got %q, %q, %q, %q", c.line, got.String(), got.QuorumAddress(), got.ElectionAddress(), got.ClientAddress())
		}
		if again, err := ParseEnsembleServer(got.Line()); err != nil || again != got {
			t.Errorf("%q read back as %+v, %v", got.Line(), again, err)
		}
	}
	for _, line := range []string{"", "server.=a:1:2", "server.0=a:1:2", "server.x=a:1:2", "server.1=a", "server.1=a:1", "server.1=a:0:2", "server.1=a:1:99999",
		"server.1=a:1:2:king", "server.1=a:1:2:observer:5", "server.1=:1:2", "server.1=a:1:2;", "server.1=a:1:2;x", "server.1=[::g]:1:2", "server.1=[::1:1:2",
		"server.1=a b:1:2", "server.4294967296=a:1:2", "peer.1=a:1:2"} {
		if got, err := ParseEnsembleServer(line); !errors.Is(err, ErrEnsembleServer) {
			t.Errorf("%q: got %+v, %v; want a refusal", line, got, err)
		}
	}
}

func TestEnsemble(t *testing.T) {
	got, err := ParseEnsemble("server.1=a:1:2:participant;3\nserver.2=b:1:2:observer;3\nversion=100000000")
	if err != nil || len(got) != 2 || got[0].Number != 1 || !got[1].Observer {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := ParseEnsemble("server.1=a:1:2,server.2=b"); err == nil {
		t.Errorf("got %+v, want a refusal", got)
	}
}

func FuzzEnsemble(f *testing.F) {
	f.Add("server.1=[::1]:2888:3888:participant;0.0.0.0:2181,server.2=b:1:2")
	f.Fuzz(func(t *testing.T, text string) {
		var servers []EnsembleServer
		var err error
		if n := allocation.Bytes(func() { servers, err = ParseEnsemble(text) }); n > uint64(256*len(text)+64<<10) {
			t.Errorf("allocates %d for %d bytes", n, len(text))
		}
		for _, s := range servers {
			if again, e := ParseEnsembleServer(s.Line()); err != nil || e != nil || again != s {
				t.Errorf("%+v is written as %q and read as %+v, %v", s, s.Line(), again, e)
			}
		}
	})
}
