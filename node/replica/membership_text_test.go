package replica

import (
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
)

// FuzzParseMembers reads anything as the server lines of a reconfig.
func FuzzParseMembers(f *testing.F) {
	f.Add("server.1=a:1:2:participant;0.0.0.0:3,server.2=[::1]:1:2:observer\nversion=5")
	f.Add("server.1=a:1:2\nserver.1=b:1:2")
	f.Fuzz(func(t *testing.T, text string) {
		var members []zab.Member
		var ok bool
		if n := allocation.Bytes(func() { members, ok = parseMembers(text) }); n > uint64(256*len(text)+64<<10) {
			t.Errorf("%d bytes allocated for %d", n, len(text))
		}
		for _, m := range members {
			if _, err := wire.ParseEnsembleServer("server.1=" + m.Address); !ok || err != nil || m.ID == 0 {
				t.Errorf("%+v of %q: %v", m, text, err)
			}
		}
	})
}
