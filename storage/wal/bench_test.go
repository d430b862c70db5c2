package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// void is a file system whose files take every write and keep only the first
// sector, so that a benchmark measures the log and not the page cache.
type void struct{ vfs.FS }

type voidFile struct{ vfs.File }

func (v void) OpenWrite(name string) (vfs.File, error) {
	f, err := v.FS.OpenWrite(name)
	return voidFile{f}, err
}

func (f voidFile) WriteAt(b []byte, off int64) (int, error) {
	if off < segmentHeader {
		return f.File.WriteAt(b, off)
	}
	return len(b), nil
}

// write makes the body of what a client's write of a value becomes: times,
// sessions and requests that move on, one of a hundred paths, the value.
func write(i int, value []byte) []byte {
	b := []byte{2, 0, 5, 0x01, 0x98}
	b = binary.BigEndian.AppendUint32(b, uint32(0x5e000000+i/50))
	b = append(b, 1)
	b = binary.AppendUvarint(b, uint64(20000+i/16))
	b = binary.AppendUvarint(b, 0x0100000000000000+uint64(i%16)*0x3f1)
	b = append(b, 1, 2, 9)
	b = append(b, "127.0.0.1"...)
	path := fmt.Sprintf("/load/clients/of/this/machine/and/its/node-%03d", i%100)
	b = binary.BigEndian.AppendUint32(b, uint32(len(path)))
	b = append(b, path...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	b = append(b, value...)
	return binary.BigEndian.AppendUint32(b, 0xffffffff)
}

// load makes batches of what a loaded server writes, 100 records of about 215
// bytes each; their values of 100 bytes are all the same, or random.
func load(batches int, random bool) [][]record.Record {
	rng := rand.New(rand.NewPCG(1, 1))
	var h history
	out := make([][]record.Record, batches)
	for i := range batches * 100 {
		value := bytes.Repeat([]byte("x"), 100)
		for at := range value {
			if random {
				value[at] = byte(rng.Uint32())
			}
		}
		out[i/100] = append(out[i/100], h.add(max(h.last+1, zxid.New(1, 0)), string(write(i, value))))
	}
	return out
}

// BenchmarkAppend is a loaded server's log without the disk.
func BenchmarkAppend(b *testing.B) {
	for _, kind := range []string{"same", "random"} {
		b.Run(kind, func(b *testing.B) {
			batches := load(64, kind == "random")
			l, _, err := Open(void{vfs.NewMemory()}, Options{Dir: dir, SegmentBytes: 2 << 20, Create: true})
			if err != nil {
				b.Fatal(err)
			}
			at := 0
			b.ReportAllocs()
			for b.Loop() {
				if at == len(batches) {
					b.StopTimer()
					if err := l.Rebase(0, 0); err != nil {
						b.Fatal(err)
					}
					at = 0
					b.StartTimer()
				}
				if err := l.Append(batches[at]); err != nil {
					b.Fatal(err)
				}
				at++
			}
			s := l.Stats()
			b.ReportMetric(float64(s.Bytes)/float64(s.Records), "B/record")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(s.Records), "ns/record")
		})
	}
}
