package process

import (
	"os"
	"runtime"
	"testing"
)

func TestLook(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := Look(os.Getpid()); err == nil {
			t.Error("there is no /proc here, and it was read")
		}
		return
	}
	b := make([]byte, 64<<20)
	for i := range b {
		b[i] = byte(i) // resident, not only reserved
	}
	u, err := Look(os.Getpid())
	if err != nil || u.Resident < int64(len(b)) {
		t.Errorf("%v: %d bytes resident, more than %d are in use", err, u.Resident, len(b))
	}
	runtime.KeepAlive(b)
	if _, err := Look(-1); err == nil {
		t.Error("a process that does not exist was looked at")
	}
}
