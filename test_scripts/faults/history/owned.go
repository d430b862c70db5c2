package history

import (
	"math/rand/v2"
	"sync"
)

// ownedMax is how many ephemeral nodes, the newest, are looked after.
const ownedMax = 64

// owned knows the ephemeral nodes to look after: the newest ones, and those whose
// session has just ended.
type owned struct {
	mu    sync.Mutex
	live  []string
	ended []string
}

func push(list []string, paths ...string) []string {
	list = append(list, paths...)
	return list[max(0, len(list)-ownedMax):]
}

func (o *owned) add(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.live = push(o.live, path)
}

func (o *owned) end(paths []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = push(o.ended, paths...)
}

func (o *owned) pick(r *rand.Rand) (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.live
	if len(o.ended) > 0 && r.IntN(3) == 0 {
		list = o.ended[max(0, len(o.ended)-8):]
	}
	if len(list) == 0 {
		return "", false
	}
	return list[r.IntN(len(list))], true
}
