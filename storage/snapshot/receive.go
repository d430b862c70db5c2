package snapshot

import (
	"errors"
	"fmt"
	"path"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Receiver takes the bytes of a snapshot file that a peer sends. It survives
// the link: another one may go on at Offset (Y13). It ends with Install or
// Abort.
type Receiver struct {
	fs      vfs.FS
	dir     string
	cluster [16]byte
	zxid    zxid.Zxid
	temp    string
	f       vfs.File
	size    int64
	off     int64
}

// Receive begins to receive the snapshot of z, a file of size bytes. The space
// is reserved at once, so a full disk is known before anything is sent. A
// cluster id of zero accepts a snapshot of any cluster.
func Receive(fsys vfs.FS, dir string, cluster [16]byte, z zxid.Zxid, size int64) (*Receiver, error) {
	temp := path.Join(dir, "receive."+Name(z)+tempSuffix)
	f, err := fsys.Create(temp)
	if err != nil {
		return nil, fmt.Errorf("snapshot: receive: %w", err)
	}
	r := &Receiver{fs: fsys, dir: dir, cluster: cluster, zxid: z, temp: temp, f: f, size: size}
	if err := f.Preallocate(size); err != nil {
		return nil, errors.Join(fmt.Errorf("snapshot: receive %d bytes: %w", size, err), r.Abort())
	}
	return r, nil
}

// Offset returns where the next bytes belong.
func (r *Receiver) Offset() int64 { return r.off }

// Zxid returns which snapshot this is.
func (r *Receiver) Zxid() zxid.Zxid { return r.zxid }

// WriteAt takes the bytes at off, which must be Offset.
func (r *Receiver) WriteAt(p []byte, off int64) (int, error) {
	if off != r.off || int64(len(p)) > r.size-off {
		return 0, fmt.Errorf("%w: %d bytes at %d, want byte %d of %d", ErrOffset, len(p), off, r.off, r.size)
	}
	n, err := r.f.WriteAt(p, off)
	r.off += int64(n)
	return n, err
}

// Install verifies the file and makes it a snapshot of this server, durably
// (Y9, W6). When it fails before that, no trace is left.
func (r *Receiver) Install() (Info, error) {
	if r.off != r.size {
		return Info{}, errors.Join(fmt.Errorf("%w: %d of %d bytes received", ErrOffset, r.off, r.size), r.Abort())
	}
	if err := r.f.Sync(); err != nil {
		return Info{}, errors.Join(fmt.Errorf("snapshot: receive: %w", err), r.Abort())
	}
	if err := r.check(); err != nil {
		return Info{}, errors.Join(err, r.Abort())
	}
	f := r.f
	r.f = nil
	if err := f.Close(); err != nil {
		return Info{}, errors.Join(err, r.fs.Remove(r.temp))
	}
	return install(r.fs, r.dir, r.temp, Name(r.zxid), nil)
}

// check refuses a snapshot of another cluster.
func (r *Receiver) check() error {
	in, err := open(r.fs, r.temp, Name(r.zxid))
	if err != nil {
		return err
	}
	got := in.Header().ClusterID
	if r.cluster != [16]byte{} && got != r.cluster {
		err = fmt.Errorf("%w: cluster %x, want %x", ErrForeign, got, r.cluster)
	}
	return errors.Join(err, in.Close())
}

// Abort removes what was received. After Install it does nothing.
func (r *Receiver) Abort() error {
	if r.f == nil {
		return nil
	}
	err := errors.Join(r.f.Close(), r.fs.Remove(r.temp))
	r.f = nil
	return err
}
