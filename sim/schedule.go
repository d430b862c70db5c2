package sim

import "container/heap"

// event is something that happens at a simulated time.
type event struct {
	at  int64 // microseconds
	seq uint64
	do  func()
}

// schedule is the queue of what is to happen; ties go by the order of entry.
type schedule struct {
	now    int64
	seq    uint64
	events eventHeap
}

func (s *schedule) after(us int64, do func()) {
	s.seq++
	heap.Push(&s.events, event{s.now + max(us, 0), s.seq, do})
}

// step runs the next event; false when there is none.
func (s *schedule) step() bool {
	if len(s.events) == 0 {
		return false
	}
	e := heap.Pop(&s.events).(event)
	s.now = e.at
	e.do()
	return true
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}
