package replica

import (
	"testing"

	"github.com/zabkeeper/zabkeeper/zab"
)

// TestReapPace: however often the leader ticks, no more nodes are removed in a
// minute than is set, and they are spread over it.
//
// covers: N08
func TestReapPace(t *testing.T) {
	for _, c := range []struct {
		perMinute int
		tick      zab.Millis
	}{{10_000, 10}, {600, 10}, {60, 10}, {1, 10}, {1_000_000, 10}, {60, 7000}} {
		p := reapPace{from: 1000}
		removed, most := 0, 0
		for now := zab.Millis(1000); now < 61_000; now += c.tick {
			at := 0
			for p.due(now, c.perMinute) {
				p.done++
				at++
			}
			removed += at
			if now > 1000 {
				most = max(most, at)
			}
		}
		if removed > c.perMinute || removed < c.perMinute*8/10 {
			t.Errorf("%d a minute: %d were removed", c.perMinute, removed)
		}
		if fair := int(int64(c.perMinute)*int64(c.tick)/60_000) + 1; most > fair {
			t.Errorf("%d a minute: %d at once, want at most %d", c.perMinute, most, fair)
		}
	}
}
