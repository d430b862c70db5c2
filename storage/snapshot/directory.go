package snapshot

import (
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
)

// List returns the snapshots in dir, the newest first. It does not verify them.
func List(fsys vfs.FS, dir string) ([]Info, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, err
	}
	var found []Info
	for _, name := range slices.Backward(names) {
		z, ok := parseName(name)
		if !ok {
			continue
		}
		size, err := fsys.Stat(path.Join(dir, name))
		if err != nil {
			return nil, err
		}
		found = append(found, Info{Name: name, Zxid: z, Bytes: size})
	}
	return found, nil
}

// Retain deletes what is older than the keep newest good snapshots, damaged
// ones too, and returns those that it read back and kept, the newest first
// (R3, F21). With fewer good ones it deletes nothing: the log may be trimmed
// through the last one returned. What verified says is good is not read again;
// it may be nil.
func Retain(fsys vfs.FS, dir string, keep int, verified func(name string) bool) (good []Info, err error) {
	all, err := List(fsys, dir)
	if err != nil {
		return nil, err
	}
	var older []Info
	for i, info := range all {
		if len(good) == keep {
			older = all[i:]
			break
		}
		if verified != nil && verified(info.Name) {
			good = append(good, info)
			continue
		}
		err := Verify(fsys, dir, info.Name)
		if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrForeign) {
			continue
		}
		if err != nil {
			return nil, err
		}
		good = append(good, info)
	}
	if keep == 0 || len(older) == 0 {
		return good, nil
	}
	for _, info := range slices.Backward(older) {
		if err := fsys.Remove(path.Join(dir, info.Name)); err != nil {
			return nil, err
		}
	}
	return good, fsys.SyncDir(dir)
}

// RemoveTemporary removes what writers left behind that a crash interrupted.
// For the start of the process only.
func RemoveTemporary(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, tempSuffix) {
			if err := fsys.Remove(path.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return fsys.SyncDir(dir)
}

// Raw gives the bytes of a finished file, for sending it. It stays readable
// when the file is deleted meanwhile.
type Raw struct {
	io.ReaderAt
	Size int64
	f    vfs.File
}

// OpenRaw opens a finished file for sending.
func OpenRaw(fsys vfs.FS, dir, name string) (*Raw, error) {
	f, err := fsys.Open(path.Join(dir, name))
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Raw{ReaderAt: f, Size: size, f: f}, nil
}

// Close closes the file.
func (r *Raw) Close() error { return r.f.Close() }
