package tree

import (
	"testing"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

func TestNotedDigests(t *testing.T) {
	tr := New()
	if got := tr.NotedDigests(); len(got) != 0 {
		t.Errorf("before anything was applied: %v", got)
	}
	const last = 1500 * digestEvery
	for z := range zxid.Zxid(last + 1) {
		tr.SetLastApplied(z)
	}
	got := tr.NotedDigests()
	if len(got) != digestsMax {
		t.Fatalf("%d digests, want %d", len(got), digestsMax)
	}
	for i, d := range got {
		if want := zxid.Zxid(last - (digestsMax-1-i)*digestEvery); d.Zxid != want || d.Digest != tr.Digest() {
			t.Fatalf("entry %d is %+v, want zxid %d and digest %d", i, d, want, tr.Digest())
		}
	}
}
