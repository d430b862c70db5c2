package sim

import (
	"regexp"
	"slices"
)

// Shrink looks for a smaller run that fails in the same way: it ends at the
// violation, has fewer clients, and fewer of the planned faults. say is called
// after every run that failed. It returns the smallest and how many runs it took.
func Shrink(seed uint64, o Options, say func(runs int, o Options)) (Options, int) {
	first := Run(seed, o)
	want := signature(first.Err)
	s := &shrinking{seed: seed, want: want, say: say, best: o}
	s.best.Clients = first.Clients
	if s.best.Keep == nil {
		for i := range first.Plan {
			s.best.Keep = append(s.best.Keep, i)
		}
	}
	if s.best.Seconds == 0 {
		s.best.Seconds = float64(s.world(seed, o).par.us) / 1e6
	}
	if shorter := first.FailedAt; shorter < s.best.Seconds {
		s.try(func(o *Options) { o.Seconds = shorter + 0.001 })
	}
	s.dropFaults()
	for n := 1; n < s.best.Clients; n++ {
		if s.try(func(o *Options) { o.Clients = n }) {
			break
		}
	}
	s.dropFaults()
	return s.best, s.runs
}

type shrinking struct {
	seed uint64
	want string
	say  func(int, Options)
	best Options
	runs int
}

// world draws the parameters of a run without running it.
func (s *shrinking) world(seed uint64, o Options) *World {
	w := &World{seed: seed, mode: o.Mode}
	w.par = w.draw(o)
	return w
}

// try runs a variant and keeps it if it fails in the same way.
func (s *shrinking) try(change func(*Options)) bool {
	o := s.best
	o.Keep = slices.Clone(o.Keep)
	change(&o)
	s.runs++
	if r := Run(s.seed, o); r.Err == nil || signature(r.Err) != s.want {
		return false
	}
	s.best = o
	if s.say != nil {
		s.say(s.runs, o)
	}
	return true
}

// dropFaults leaves out halves, quarters and so on of the faults, as long as
// the rest still fails (delta debugging).
func (s *shrinking) dropFaults() {
	for size := (len(s.best.Keep) + 1) / 2; size >= 1; size /= 2 {
		for from := 0; from < len(s.best.Keep); {
			to := min(from+size, len(s.best.Keep))
			if !s.try(func(o *Options) { o.Keep = slices.Delete(o.Keep, from, to) }) {
				from = to
			}
		}
	}
}

var numbers = regexp.MustCompile(`0x[0-9a-f]+|[0-9a-f]*[0-9][0-9a-f]*`)

// signature is what is wrong without the numbers of the run.
func signature(err error) string {
	if err == nil {
		return ""
	}
	return numbers.ReplaceAllString(err.Error(), "#")
}
