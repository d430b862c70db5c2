package cli

import (
	"fmt"
	"io"
	"slices"
	"sync"
)

// backgroundWriter writes log lines from a goroutine of its own: a server's loop
// must not wait for the disk that its log file is on. Lines that find the queue
// full are dropped and counted.
type backgroundWriter struct {
	out   io.Writer
	lines chan []byte
	done  chan struct{}

	mu      sync.Mutex
	dropped int
}

const backgroundLinesMax = 4096

func newBackgroundWriter(out io.Writer) *backgroundWriter {
	w := &backgroundWriter{out: out, lines: make(chan []byte, backgroundLinesMax), done: make(chan struct{})}
	go w.run()
	return w
}

// Write implements io.Writer; it never waits.
func (w *backgroundWriter) Write(p []byte) (int, error) {
	select {
	case w.lines <- slices.Clone(p):
	default:
		w.mu.Lock()
		w.dropped++
		w.mu.Unlock()
	}
	return len(p), nil
}

func (w *backgroundWriter) run() {
	defer close(w.done)
	for line := range w.lines {
		_, _ = w.out.Write(line) // there is nowhere to report it
		w.mu.Lock()
		dropped := w.dropped
		w.dropped = 0
		w.mu.Unlock()
		if dropped > 0 {
			_, _ = fmt.Fprintf(w.out, "%d log lines were dropped\n", dropped)
		}
	}
}

// Close writes what waits. Nothing may be written after it.
func (w *backgroundWriter) Close() {
	close(w.lines)
	<-w.done
}
