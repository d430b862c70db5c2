package tree

import "github.com/zabkeeper/zabkeeper/zab/zxid"

// Digests are noted at every 128th zxid, so that those of several servers can be laid
// side by side; the oldest make room.
const (
	digestEvery = 128
	digestsMax  = 1024
)

// NotedDigest is the digest of the state that the record Zxid led to.
type NotedDigest struct {
	Zxid   zxid.Zxid
	Digest uint64
}

// digestLog is a ring. It is not part of the state: a snapshot does not have it,
// and a server that has just started knows what it applied since.
type digestLog struct {
	noted []NotedDigest
	next  int
}

func (l *digestLog) note(z zxid.Zxid, digest uint64) {
	if z.Counter()%digestEvery != 0 || z.Counter() == 0 { // 0: the record that begins an epoch
		return
	}
	if len(l.noted) < digestsMax {
		l.noted = append(l.noted, NotedDigest{z, digest})
		return
	}
	l.noted[l.next] = NotedDigest{z, digest}
	l.next = (l.next + 1) % digestsMax
}

// NotedDigests returns the digests at the last multiples of 128, the oldest
// first.
func (t *Tree) NotedDigests() []NotedDigest {
	l := &t.digests
	return append(append(make([]NotedDigest, 0, len(l.noted)), l.noted[l.next:]...), l.noted[:l.next]...)
}
