package datadir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync/atomic"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

var (
	// ErrWrongServer: the directory belongs to another server number.
	ErrWrongServer = errors.New("datadir: directory of another server")
	// ErrAmnesia: the directory has content but lost its identity.
	ErrAmnesia = errors.New("datadir: identity lost")
	// ErrMetaLost: both slots of meta are unreadable.
	ErrMetaLost = errors.New("datadir: meta lost")
	// ErrBound: the directory belongs to another cluster already.
	ErrBound = errors.New("datadir: bound to another cluster")
	// ErrPromised: the epoch, or a later one, was promised to someone else.
	ErrPromised = errors.New("datadir: epoch promised already")
	// ErrFailed: an earlier write failed; the process must end (W14).
	ErrFailed = errors.New("datadir: failed earlier")
)

// Options say who opens the directory.
type Options struct {
	ServerID    zxid.ServerID
	Incarnation [16]byte // random bytes, used if the directory is new
}

// Dir is an open data directory.
type Dir struct {
	fs       vfs.FS
	dir      string
	lock     io.Closer
	identity atomic.Pointer[Identity] // set by the one writer
	meta     metaFile
	failed   error
}

// Open opens the data directory and makes it if it is absent.
func Open(fsys vfs.FS, dir string, o Options) (*Dir, error) {
	dir = path.Clean(dir)
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("datadir: %w", err)
	}
	lock, err := fsys.Lock(path.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("datadir: %w", err)
	}
	d := &Dir{fs: fsys, dir: dir, lock: lock}
	if err := d.open(o); err != nil {
		if d.meta.f != nil {
			err = errors.Join(err, d.meta.f.Close())
		}
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

func (d *Dir) open(o Options) error {
	file := d.path("identity")
	b, err := vfs.ReadFile(d.fs, file, slotBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return d.create(o)
	}
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	identity, err := decodeIdentity(b)
	if err != nil {
		return amnesia(file, err.Error())
	}
	d.identity.Store(&identity)
	if identity.Server != o.ServerID {
		return fmt.Errorf("%w: %s is of server %d, this is server %d; correct the server number or the directory",
			ErrWrongServer, d.dir, identity.Server, o.ServerID)
	}
	if err := d.fs.SyncDir(d.dir); err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	if d.meta.f, err = d.fs.OpenWrite(d.path("meta")); errors.Is(err, fs.ErrNotExist) {
		return d.metaLost("missing")
	}
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	found, err := d.meta.load()
	if err == nil && !found {
		return d.metaLost("neither slot checks")
	}
	return err
}

func amnesia(file, reason string) error {
	return fmt.Errorf("%w: %s: %s; restore the file from a backup of this very directory, or remove the whole "+
		"directory and let the server rejoin as a new one", ErrAmnesia, file, reason)
}

func (d *Dir) metaLost(reason string) error {
	return fmt.Errorf("%w: %s: %s; this server no longer knows what it promised: remove the whole directory %s "+
		"and let the server rejoin as a new one", ErrMetaLost, d.path("meta"), reason, d.dir)
}

// create makes a new directory; what a crash leaves of it, create takes again.
func (d *Dir) create(o Options) (err error) {
	if err := d.refuseContent(); err != nil {
		return err
	}
	for _, dir := range []string{d.LogDir(), d.SnapDir()} {
		if err := d.fs.MkdirAll(dir); err != nil {
			return fmt.Errorf("datadir: %w", err)
		}
	}
	if d.meta.f, err = d.fs.Create(d.path("meta")); err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	if err := d.meta.write(Meta{}); err != nil {
		return err
	}
	if err := d.fs.SyncDir(d.dir); err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	for p := d.dir; path.Dir(p) != p; p = path.Dir(p) {
		// A directory above that may not be read was not made by us.
		if err := d.fs.SyncDir(path.Dir(p)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("datadir: %w", err)
		}
	}
	fresh := Identity{Server: o.ServerID, Incarnation: o.Incarnation}
	d.identity.Store(&fresh)
	if err := vfs.WriteFile(d.fs, d.path("identity"), fresh.encode()); err != nil {
		return fmt.Errorf("datadir: write identity: %w", err)
	}
	return nil
}

// refuseContent fails if a directory without an identity was in use (N4): that
// it was is seen by records, snapshots, or a meta that says more than nothing.
func (d *Dir) refuseContent() error {
	for _, dir := range []string{d.LogDir(), d.SnapDir()} {
		names, err := d.fs.List(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("datadir: %w", err)
		}
		if len(names) > 0 {
			return amnesia(d.path("identity"), fmt.Sprintf("missing, but %s holds %s", dir, names[0]))
		}
	}
	b, err := vfs.ReadFile(d.fs, d.path("meta"), 2*slotBytes)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("datadir: %w", err)
	}
	for slot := 0; slot < len(b); slot += slotBytes {
		if _, m, ok := decodeSlot(b[slot:]); ok && m != (Meta{}) {
			return amnesia(d.path("identity"), fmt.Sprintf("missing, but the server booted %d times", m.Boots))
		}
	}
	return nil
}

func (d *Dir) path(name string) string { return path.Join(d.dir, name) }

// LogDir returns the directory of the write-ahead log.
func (d *Dir) LogDir() string { return d.path("log") }

// SnapDir returns the directory of snapshots.
func (d *Dir) SnapDir() string { return d.path("snap") }

// Identity returns whose directory this is. Anybody may ask.
func (d *Dir) Identity() Identity { return *d.identity.Load() }

// Meta returns what is durably remembered.
func (d *Dir) Meta() Meta { return d.meta.now }

// Fresh reports that this server was never part of a cluster nor promised
// anything, so it may take part in genesis (N1).
func (d *Dir) Fresh() bool {
	return d.Identity().ClusterID == [16]byte{} && d.meta.now.Accepted == 0 && d.meta.now.Config == 0
}

// BindCluster makes the directory belong to a cluster, durably and for ever.
func (d *Dir) BindCluster(id [16]byte) error {
	if d.failed != nil {
		return d.failed
	}
	if d.Identity().ClusterID == id {
		return nil
	}
	if d.Identity().ClusterID != [16]byte{} {
		return fmt.Errorf("%w: %x, not %x", ErrBound, d.Identity().ClusterID, id)
	}
	bound := d.Identity()
	bound.ClusterID = id
	if err := vfs.WriteFile(d.fs, d.path("identity"), bound.encode()); err != nil {
		d.failed = fmt.Errorf("%w: write identity: %w", ErrFailed, err)
		return d.failed
	}
	d.identity.Store(&bound)
	return nil
}

// Promise durably accepts the epoch of leader to (W2, Fact 1). It may be
// repeated; another leader of that epoch, or an earlier epoch, is ErrPromised.
func (d *Dir) Promise(e zxid.Epoch, to zxid.ServerID) error {
	m := d.meta.now
	if e < m.Accepted || e == m.Accepted && to != m.PromisedTo {
		return fmt.Errorf("%w: epoch %d to server %d, not %d to %d", ErrPromised, m.Accepted, m.PromisedTo, e, to)
	}
	if e == m.Accepted {
		return d.meta.failed
	}
	m.Accepted, m.PromisedTo = e, to
	return d.meta.write(m)
}

// MarkConfig durably remembers that the configuration at z is committed. An
// older one than known changes nothing.
func (d *Dir) MarkConfig(z zxid.Zxid) error {
	m := d.meta.now
	if z <= m.Config {
		return d.meta.failed
	}
	m.Config = z
	return d.meta.write(m)
}

// Boot counts a start of the server and returns its number, from 1. The
// directory counts as in use from here on: Clean is false.
func (d *Dir) Boot() (uint64, error) {
	m := d.meta.now
	m.Boots++
	m.Clean = false
	return m.Boots, d.meta.write(m)
}

// SetClean remembers whether the server shuts down in order. It is set last,
// after the log was closed.
func (d *Dir) SetClean(clean bool) error {
	m := d.meta.now
	if m.Clean == clean {
		return d.meta.failed
	}
	m.Clean = clean
	return d.meta.write(m)
}

// Close gives the directory free.
func (d *Dir) Close() error {
	return errors.Join(d.meta.close(), d.lock.Close())
}
