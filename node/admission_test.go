package node

import (
	"testing"
	"testing/synctest"

	"github.com/zabkeeper/zabkeeper/node/auth"
)

// A reader that waits for room is let go when connections that hold it are
// aborted, its own included.
func TestAbortedConnectionsGiveTheirRoomBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Node{admission: newAdmission(2, 0), auth: new(auth.Providers)}
		a, b := pipeConn(n), pipeConn(n)
		for range 3 {
			a.queue.push(request{kind: waitWrite})
		}
		b.queue.push(request{kind: waitWrite})
		n.admission.enter(4)
		waited := make(chan struct{})
		go func() {
			n.admission.wait()
			close(waited)
		}()
		synctest.Wait()
		select {
		case <-waited:
			t.Fatal("there is room although four writes are under way and two may be")
		default:
		}
		a.abort()
		<-waited
		b.abort()
		if n.admission.count != 0 {
			t.Errorf("%d writes count as under way, and nobody is there", n.admission.count)
		}
	})
}
