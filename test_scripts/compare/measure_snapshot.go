package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zabkeeper/zabkeeper/bench"
)

const (
	// snapshotLoad is long enough for a few snapshots by the default settings.
	snapshotLoad = 30 * time.Second
	// snapshotLook is how often the directories are looked at.
	snapshotLook = 5 * time.Millisecond
	// unfinished is how the name of a snapshot ends while it is written.
	unfinished = ".tmp"
)

// span is a time in microseconds since 1970.
type span struct{ from, to int64 }

// takeSnapshot writes to servers with a million nodes, round by round, and compares
// the time in which one of them writes a snapshot with the rest of the time.
func takeSnapshot(ctx context.Context, l *lab, peer string) (list []values, err error) {
	err = l.with(ctx, peer, options{}, func(e *ensemble) error {
		if err := l.fill(ctx, e, million); err != nil {
			return err
		}
		for range l.plan.rounds {
			got, err := l.besideSnapshots(ctx, e)
			if err != nil {
				return err
			}
			list = append(list, got)
		}
		return nil
	})
	return list, err
}

func (l *lab) besideSnapshots(ctx context.Context, e *ensemble) (values, error) {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	spans := make(chan []span, 1)
	go func() { spans <- watchSnapshots(watching, e) }()
	r, err := l.load(ctx, e, "--workload", "set", "--warmup", "2s", "--duration", snapshotLoad.String(), "--timeline", "1ms")
	stop()
	seen := <-spans
	if err != nil {
		return nil, err
	}
	return snapshotValues(r.Timeline, seen)
}

// watchSnapshots notes when some server is writing a snapshot, until it is told
// to stop.
func watchSnapshots(ctx context.Context, e *ensemble) (list []span) {
	open := false
	for {
		at := time.Now().UnixMicro()
		switch writing := snapshotIsWritten(e); {
		case writing && !open:
			list, open = append(list, span{at, at}), true
		case writing || open:
			list[len(list)-1].to = at
			open = writing
		}
		if pause(ctx, snapshotLook) != nil {
			return list
		}
	}
}

func snapshotIsWritten(e *ensemble) bool {
	found := errors.New("found")
	for _, s := range e.servers {
		err := filepath.WalkDir(filepath.Join(s.dir, "data"), func(path string, d os.DirEntry, err error) error {
			if err == nil && strings.HasPrefix(d.Name(), "snapshot.") && strings.HasSuffix(d.Name(), unfinished) {
				return found
			}
			return nil // a file may go while the directory is read
		})
		if errors.Is(err, found) {
			return true
		}
	}
	return false
}

var (
	errNoSnapshot = errors.New("no snapshot was written during the load")
	errNoRest     = errors.New("snapshots were written during the whole load: there is nothing to compare with")
)

// snapshotValues compares the steps within the spans with the others. A stall is
// a time without any answer that touches a span.
func snapshotValues(t *bench.Timeline, spans []span) (values, error) {
	if t == nil {
		return nil, errors.New("the load has no timeline")
	}
	var sum, steps [2]float64
	var silent, longest float64
	touched := false
	for i, n := range t.Operations {
		at := t.StartUnixMicros + int64(float64(i)*t.StepMs*1e3)
		k := 0
		if within(spans, at) {
			k = 1
		}
		sum[k] += float64(n)
		steps[k]++
		if n > 0 {
			silent, touched = 0, false
			continue
		}
		silent += t.StepMs
		touched = touched || k == 1
		if touched {
			longest = max(longest, silent)
		}
	}
	switch {
	case steps[1] == 0:
		return nil, errNoSnapshot
	case steps[0] == 0 || sum[0] == 0:
		return nil, errNoRest
	}
	dip := 1 - sum[1]/steps[1]/(sum[0]/steps[0])
	return values{"snapshot-dip": 100 * dip, "snapshot-stall": longest, "snapshot-seconds": steps[1] * t.StepMs / 1e3}, nil
}

func within(spans []span, at int64) bool {
	for _, s := range spans {
		if at >= s.from && at <= s.to {
			return true
		}
	}
	return false
}
