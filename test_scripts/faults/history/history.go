package history

import (
	"context"
	"fmt"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
)

// History is what the clients of a load saw.
type History struct {
	seconds  float64
	answered []time.Duration
	unknown  int
	acked    map[string]string
}

// Traffic says how much was answered.
type Traffic struct {
	Answered   int
	Seconds    float64
	PerSecond  float64
	LongestGap time.Duration // between two answered writes
	Unknown    int           // operations whose outcome nobody told
}

// Traffic says how much was answered.
func (h *History) Traffic() Traffic {
	t := Traffic{Answered: len(h.answered), Seconds: h.seconds, Unknown: h.unknown}
	t.PerSecond = float64(t.Answered) / t.Seconds
	last := time.Duration(0)
	for _, at := range h.answered {
		t.LongestGap = max(t.LongestGap, at-last)
		last = at
	}
	return t
}

// Check checks the record, and the state that every one of these servers shows.
func (h *History) Check(final []string) error {
	for _, address := range final {
		if err := h.checkServer(address); err != nil {
			return fmt.Errorf("server %s: %w", address, err)
		}
	}
	return nil
}

func (h *History) checkServer(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{Servers: []string{address}})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	if err := c.Sync(ctx, "/"); err != nil {
		return err
	}
	for path, value := range h.acked {
		data, _, err := c.Get(ctx, path)
		if err != nil || string(data) != value {
			return fmt.Errorf("%s: got %q, %v, want %q", path, data, err, value)
		}
	}
	return nil
}
