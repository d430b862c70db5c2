package peer

import (
	"math/rand/v2"
	"time"
)

// backoff spaces attempts: short at first, then growing up to backoffMax.
type backoff struct{ last time.Duration }

// next returns how long to wait, with jitter, so that servers which lost each
// other together do not come back in step.
func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, backoffMin), backoffMax)
	return b.last/2 + rand.N(b.last/2)
}

func (b *backoff) reset() { b.last = 0 }
