package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

const dir = "/snap"

func newFS(t testing.TB) *vfs.Memory {
	t.Helper()
	m := vfs.NewMemory()
	if err := errors.Join(m.MkdirAll(dir), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return m
}

func headerOf(z zxid.Zxid) Header {
	return Header{
		ClusterID: [16]byte{1, 2, 3}, Zxid: z, Chain: 42,
		Spans: []record.Span{{Epoch: 1, Last: 7}, {Epoch: z.Epoch(), Last: z.Counter()}},
		Meta:  []byte("configuration"),
	}
}

// noise is a body that does not compress to nothing.
func noise(n int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.IntN(40))
	}
	return b
}

func save(fsys vfs.FS, h Header, body []byte) (Info, error) {
	w, err := Create(fsys, dir, h)
	if err != nil {
		return Info{}, err
	}
	for chunk := range slices.Chunk(body, 10_000) {
		if _, err := w.Write(chunk); err != nil {
			return Info{}, errors.Join(err, w.Abort())
		}
	}
	return w.Commit()
}

func mustSave(t testing.TB, fsys vfs.FS, z zxid.Zxid, size int) Info {
	t.Helper()
	info, err := save(fsys, headerOf(z), noise(size))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func load(fsys vfs.FS, name string) (Header, []byte, error) {
	r, err := Open(fsys, dir, name)
	if err != nil {
		return Header{}, nil, err
	}
	b, err := io.ReadAll(r)
	return r.Header(), b, errors.Join(err, r.Close())
}

// A file that a program before version 2 wrote is read.
func TestVersion1IsRead(t *testing.T) {
	name := Name(zxid.New(3, 9))
	content, err := os.ReadFile("testdata/version1." + name)
	if err != nil {
		t.Fatal(err)
	}
	m := newFS(t)
	f, err := m.Create(dir + "/" + name)
	if err == nil {
		_, err = f.WriteAt(content, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	h, body, err := load(m, name)
	if err != nil || !reflect.DeepEqual(h, headerOf(zxid.New(3, 9))) || !bytes.Equal(body, noise(5000)) {
		t.Fatalf("got %+v with %d bytes, %v", h, len(body), err)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, size := range []int{0, 1, 10_000, 3_000_000} {
		fsys := newFS(t)
		z := zxid.New(3, uint32(size))
		info := mustSave(t, fsys, z, size)
		h, body, err := load(fsys, info.Name)
		if err != nil || !bytes.Equal(body, noise(size)) || !reflect.DeepEqual(h, headerOf(z)) {
			t.Errorf("%d bytes: got %d bytes, header %+v, %v", size, len(body), h, err)
		}
		list, err := List(fsys, dir)
		if err != nil || len(list) != 1 || list[0] != info {
			t.Errorf("%d bytes: List: got %v, %v, want %v", size, list, err, info)
		}
		if again := mustSave(t, newFS(t), z, size); again != info {
			t.Errorf("%d bytes: the same state made another file: %v, want %v", size, again, info)
		}
	}
}

// covers: I03
func TestEveryDamageIsFound(t *testing.T) {
	fsys := newFS(t)
	info := mustSave(t, fsys, 5, 1000)
	file := dir + "/" + info.Name
	for off := range info.Bytes {
		if err := fsys.Corrupt(file, off); err != nil {
			t.Fatal(err)
		}
		if err := Verify(fsys, dir, info.Name); !errors.Is(err, ErrCorrupt) {
			t.Errorf("bit flipped at %d: got %v, want ErrCorrupt", off, err)
		}
		if err := fsys.Corrupt(file, off); err != nil {
			t.Fatal(err)
		}
	}
	f, err := fsys.OpenWrite(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0}, info.Bytes); err != nil {
		t.Fatal(err)
	}
	if err := Verify(fsys, dir, info.Name); !errors.Is(err, ErrCorrupt) {
		t.Errorf("one byte more: got %v, want ErrCorrupt", err)
	}
	for size := info.Bytes - 1; size >= 0; size-- {
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		if err := Verify(fsys, dir, info.Name); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut to %d bytes: got %v, want ErrCorrupt", size, err)
		}
	}
}

// TestRetainCountsGoodOnes: a damaged snapshot must not push out a good one.
//
// covers: G10
func TestRetainCountsGoodOnes(t *testing.T) {
	fsys := newFS(t)
	var names []string
	for z := zxid.Zxid(1); z <= 6; z++ {
		names = append(names, mustSave(t, fsys, z, 500).Name)
	}
	for _, i := range []int{4, 1} {
		if err := fsys.Corrupt(dir+"/"+names[i], 200); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := fsys.Create(dir + "/x.tmp"); err != nil {
		t.Fatal(err)
	}
	good, err := Retain(fsys, dir, 3, nil)
	var zs []zxid.Zxid
	for _, g := range good {
		zs = append(zs, g.Zxid)
	}
	if err != nil || !slices.Equal(zs, []zxid.Zxid{6, 4, 3}) {
		t.Errorf("Retain: got %v, %v, want 6 4 3", zs, err)
	}
	if err := RemoveTemporary(fsys, dir); err != nil {
		t.Fatal(err)
	}
	left, err := fsys.List(dir)
	if want := []string{Name(3), Name(4), Name(5), Name(6)}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left: got %v, %v, want %v", left, err, want)
	}
}

// transfer sends a snapshot from one file system to another.
func transfer(from, to vfs.FS, name string, cluster [16]byte, z zxid.Zxid) (Info, error) {
	raw, err := OpenRaw(from, dir, name)
	if err != nil {
		return Info{}, err
	}
	in, err := Receive(to, dir, cluster, z, raw.Size)
	if err != nil {
		return Info{}, err
	}
	buf := make([]byte, 700)
	for in.Offset() < raw.Size {
		n, err := raw.ReadAt(buf, in.Offset())
		if err != nil && err != io.EOF {
			return Info{}, err
		}
		if _, err := in.WriteAt(buf[:n], in.Offset()); err != nil {
			return Info{}, errors.Join(err, in.Abort())
		}
	}
	info, err := in.Install()
	return info, errors.Join(err, raw.Close())
}

func TestReceive(t *testing.T) {
	from, to := newFS(t), newFS(t)
	sent := mustSave(t, from, 9, 5000)
	if _, err := transfer(from, to, sent.Name, [16]byte{9}, 9); !errors.Is(err, ErrForeign) {
		t.Errorf("other cluster: got %v, want ErrForeign", err)
	}
	if _, err := transfer(from, to, sent.Name, [16]byte{}, 8); !errors.Is(err, ErrForeign) {
		t.Errorf("other zxid: got %v, want ErrForeign", err)
	}
	in, err := Receive(to, dir, [16]byte{}, 9, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.WriteAt([]byte("abc"), 1); !errors.Is(err, ErrOffset) {
		t.Errorf("gap: got %v, want ErrOffset", err)
	}
	if _, err := in.WriteAt(make([]byte, 11), 0); !errors.Is(err, ErrOffset) {
		t.Errorf("too much: got %v, want ErrOffset", err)
	}
	if _, err := in.Install(); !errors.Is(err, ErrOffset) {
		t.Errorf("too little: got %v, want ErrOffset", err)
	}
	if left, err := to.List(dir); err != nil || len(left) != 0 {
		t.Errorf("failed transfers left %v, %v", left, err)
	}
	got, err := transfer(from, to, sent.Name, [16]byte{1, 2, 3}, 9)
	if err != nil || got != sent {
		t.Errorf("transfer: got %v, %v, want %v", got, err, sent)
	}
	if _, body, err := load(to, got.Name); err != nil || !bytes.Equal(body, noise(5000)) {
		t.Errorf("received body: %d bytes, %v", len(body), err)
	}
}

func TestNoSpaceLeavesNoTrace(t *testing.T) {
	fsys := newFS(t)
	mustSave(t, fsys, 1, 1000)
	fsys.SetCapacity(100_000)
	if _, err := save(fsys, headerOf(2), noise(1_000_000)); err == nil {
		t.Errorf("Commit on a full disk: got nil")
	}
	if _, err := Receive(fsys, dir, [16]byte{}, 3, 1_000_000); err == nil {
		t.Errorf("Receive on a full disk: got nil")
	}
	if left, err := fsys.List(dir); err != nil || !slices.Equal(left, []string{Name(1)}) {
		t.Errorf("left: got %v, %v", left, err)
	}
}

// TestPowerCutEverywhere: whatever bears a final name is good, and what Commit
// or Install reported is there.
func TestPowerCutEverywhere(t *testing.T) {
	source := newFS(t)
	sent := mustSave(t, source, 30, 20_000)
	for at, done := 0, false; !done; at++ {
		for seed := range uint64(4) {
			mem, n := newFS(t), 0
			fsys := vfs.Faulty{Base: mem, Hook: func(op vfs.Op, _ string) error {
				if op.Changes() {
					n++
				}
				if n > at {
					return vfs.ErrPowerCut
				}
				return nil
			}}
			var reported []string
			var err error
			for z := zxid.Zxid(10); z < 14 && err == nil; z++ {
				var info Info
				if info, err = save(fsys, headerOf(z), noise(3000)); err == nil {
					reported = append(reported, info.Name)
				}
			}
			if err == nil {
				if _, err = Retain(fsys, dir, 2, nil); err == nil {
					reported = reported[2:]
				} else if len(reported) == 4 {
					reported = reported[2:]
				}
			}
			if err == nil {
				var info Info
				if info, err = transfer(source, fsys, sent.Name, [16]byte{}, sent.Zxid); err == nil {
					reported = append(reported, info.Name)
				}
			}
			done = err == nil
			after := mem.Crash(rand.New(rand.NewPCG(seed, uint64(at))))
			if err := RemoveTemporary(after, dir); err != nil {
				t.Fatal(err)
			}
			list, err := List(after, dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, info := range list {
				if err := Verify(after, dir, info.Name); err != nil {
					t.Errorf("cut at %d, seed %d: %v", at, seed, err)
				}
			}
			for _, name := range reported {
				if _, err := after.Stat(dir + "/" + name); errors.Is(err, fs.ErrNotExist) {
					t.Errorf("cut at %d, seed %d: %s is lost", at, seed, name)
				}
			}
		}
	}
}

func FuzzVerify(f *testing.F) {
	fsys := newFS(f)
	info := mustSave(f, fsys, 5, 300)
	seed, err := vfs.ReadFile(fsys, dir+"/"+info.Name, 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:len(seed)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		fsys := newFS(t)
		file, err := fsys.Create(fmt.Sprintf("%s/%s", dir, Name(5)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
		allocated := allocation.Bytes(func() { err = Verify(fsys, dir, Name(5)) })
		if got, most := allocated, uint64(16*len(b)+16<<20); got > most {
			t.Errorf("Verify of %d bytes allocates %d, want at most %d", len(b), got, most)
		}
		if err == nil && !bytes.Equal(b, seed) {
			if _, _, err := load(fsys, Name(5)); err != nil {
				t.Errorf("verified, but: %v", err)
			}
		}
	})
}

// unsynced is a file system that knows how much a file had left to sync at the
// most.
type unsynced struct {
	vfs.FS
	most int
}

type unsyncedFile struct {
	vfs.File
	fs   *unsynced
	left int
}

func (u *unsynced) Create(name string) (vfs.File, error) {
	f, err := u.FS.Create(name)
	return &unsyncedFile{f, u, 0}, err
}

func (f *unsyncedFile) WriteAt(b []byte, at int64) (int, error) {
	f.left += len(b)
	f.fs.most = max(f.fs.most, f.left)
	return f.File.WriteAt(b, at)
}

func (f *unsyncedFile) Sync() error {
	f.left = 0
	return f.File.Sync()
}

// A large snapshot is synced piece by piece: the log's syncs wait for what the
// disk was given before.
func TestLittleIsLeftToSync(t *testing.T) {
	fsys := &unsynced{FS: newFS(t)}
	if info := mustSave(t, fsys, 5, 8*syncEvery); info.Bytes < 4*syncEvery {
		t.Fatalf("a file of %d bytes shows nothing", info.Bytes)
	}
	if most := syncEvery + blockHeader + blockBytes; fsys.most > most {
		t.Errorf("%d bytes were left to sync, want at most %d", fsys.most, most)
	}
}
