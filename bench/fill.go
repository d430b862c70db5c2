package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// runFill makes nodes and leaves them: for measuring what servers with many nodes
// need. Every connection makes whole directories, with many requests under way.
func runFill(ctx context.Context, g *ground, res *Result) error {
	o := g.o
	conns, err := openAll(ctx, o)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	defer context.AfterFunc(ctx, func() {
		for _, c := range conns {
			_ = c.nc.SetDeadline(time.Now())
		}
	})()
	var mu sync.Mutex
	begin, used := now(), beginUsage(o.PIDs)
	failed := make(chan error, len(conns))
	var all sync.WaitGroup
	for i, c := range conns {
		all.Go(func() {
			for d := i; d*nodesPerDirectory < o.Nodes && ctx.Err() == nil; d += len(conns) {
				n, err := g.fillDirectory(c, d)
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				res.Operations += int64(n)
				done, sum := float64(res.Operations)/float64(o.Nodes), res.Operations
				o.say(string(Fill), done, sum, float64(sum)/(float64(now()-begin)/1e9))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	used.end()
	used.into(res, time.Duration(now()-begin))
	close(failed)
	return <-failed
}

// fillDirectory makes directory d with its nodes and returns how many they are.
func (g *ground) fillDirectory(c *connection, d int) (int, error) {
	first := d * nodesPerDirectory
	n := min(nodesPerDirectory, g.o.Nodes-first)
	_ = c.nc.SetDeadline(time.Now().Add(g.o.RequestTimeout))
	_, err := c.call(func(dst []byte) ([]byte, wire.OpCode) {
		q := wire.CreateRequest{Path: []byte(g.directory(d)), ACL: openACL}
		return q.Append(dst), wire.OpCreate
	})
	if err != nil {
		return 0, fmt.Errorf("create %s: %w", g.directory(d), err)
	}
	return n, g.createAll(c, n, g.value, func(k int) string {
		return fmt.Sprintf("%s/n%07d", g.directory(d), first+k)
	})
}
