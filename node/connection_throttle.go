package node

import (
	"math/rand/v2"
	"sync"
	"time"
)

// ConnectionThrottle bounds how fast clients connect: each takes tokens from a
// bucket, and is closed where there are not enough.
type ConnectionThrottle struct {
	Tokens    int // at the most in the bucket; 0 for no limit
	FillTime  time.Duration
	FillCount int // tokens each FillTime

	// A bucket that is empty time and again means more clients than it is worth
	// looking at: a growing share of them is refused at random. 0 leaves that out.
	FreezeTime    time.Duration // between two steps
	DropIncrease  float64
	DropDecrease  float64
	DecreaseRatio float64 // how much of the bucket may be empty for a step down

	WeightEnabled                          bool // else everybody takes one token
	GlobalWeight, LocalWeight, RenewWeight int
}

// tokenBucket carries out a ConnectionThrottle.
type tokenBucket struct {
	opt ConnectionThrottle

	mu      sync.Mutex
	tokens  int
	filled  time.Duration // when tokens were added last
	stepped time.Duration // when drop changed last
	drop    float64       // the share refused at random
	missing tally         // tokens missing when somebody asked
}

func (b *tokenBucket) init(o ConnectionThrottle, now time.Duration) {
	if o.FillTime <= 0 {
		o.FillTime = time.Millisecond
	}
	b.opt, b.tokens, b.filled, b.stepped = o, o.Tokens, now, now
}

// weight is what a connection costs.
func (b *tokenBucket) weight(renewed, local bool) int {
	switch o := &b.opt; {
	case !o.WeightEnabled:
		return 1
	case renewed:
		return o.RenewWeight
	case local:
		return o.LocalWeight
	}
	return b.opt.GlobalWeight
}

// take reports whether a connection may be made, and pays for it. luck is a
// random number below 1.
func (b *tokenBucket) take(cost int, now time.Duration, luck float64) bool {
	o := &b.opt
	if o.Tokens <= 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := (now - b.filled) / o.FillTime; n > 0 {
		b.filled += n * o.FillTime
		full := time.Duration(o.Tokens - b.tokens)
		b.tokens += int(min(full, min(n, full)*time.Duration(o.FillCount)))
	}
	b.missing.add(o.Tokens - b.tokens)
	b.step(now)
	if luck < b.drop || b.tokens < cost {
		return false
	}
	b.tokens -= cost
	return true
}

// step moves the share that is refused at random. b.mu is held.
func (b *tokenBucket) step(now time.Duration) {
	o := &b.opt
	if o.FreezeTime <= 0 || now-b.stepped < o.FreezeTime {
		return
	}
	missing := o.Tokens - b.tokens
	switch {
	case missing >= o.Tokens:
		b.drop = min(1, b.drop+o.DropIncrease)
	case float64(missing) <= o.DecreaseRatio*float64(o.Tokens):
		b.drop = max(0, b.drop-o.DropDecrease)
	default:
		return
	}
	b.stepped = now
}

// tally sums up numbers; the zero value is empty.
type tally struct{ count, sum, least, most int }

func (l *tally) add(n int) {
	if l.count == 0 || n < l.least {
		l.least = n
	}
	l.most = max(l.most, n)
	l.count++
	l.sum += n
}

func (b *tokenBucket) report(put func(string, any)) {
	b.mu.Lock()
	m, drop := b.missing, b.drop
	b.mu.Unlock()
	mean := 0.0
	if m.count > 0 {
		mean = float64(m.sum) / float64(m.count)
	}
	put("connection_drop_probability", drop)
	put("avg_connection_token_deficit", decimal(mean))
	put("min_connection_token_deficit", m.least)
	put("max_connection_token_deficit", m.most)
	put("cnt_connection_token_deficit", m.count)
	put("sum_connection_token_deficit", m.sum)
}

// admitted reports whether the token bucket lets a client in that asks for a
// session like this.
func (n *Node) admitted(renewed, local bool) bool {
	if n.bucket.take(n.bucket.weight(renewed, local), monotonic(), rand.Float64()) {
		return true
	}
	n.counters.rejected.Add(1)
	return false
}
