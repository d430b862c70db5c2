package zab

import (
	"bytes"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

// FuzzDecodeConfiguration reads anything as a configuration, which comes from
// the log, from snapshots and from other servers.
func FuzzDecodeConfiguration(f *testing.F) {
	f.Add(AppendConfiguration(nil, &Configuration{Cluster: [16]byte{1}, Members: []Member{{ID: 1, Voter: true, Address: "a:1:2"}, {ID: 9}}, Origin: 3, Request: 7}))
	f.Add(append(make([]byte, 17), 0xff, 0xff))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c *Configuration
		var err error
		if n := allocation.Bytes(func() { c, err = DecodeConfiguration(b) }); n > uint64(16*len(b)+64<<10) {
			t.Errorf("%d bytes allocated for %d", n, len(b))
		}
		if err != nil {
			return
		}
		text := AppendConfiguration(nil, c)
		again, err := DecodeConfiguration(text)
		if err != nil || !bytes.Equal(AppendConfiguration(nil, again), text) {
			t.Errorf("%+v is read again as %+v, %v", c, again, err)
		}
	})
}
