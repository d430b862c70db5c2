//go:build unix && !linux

package vfs

import "os"

func datasync(f *os.File) error { return f.Sync() }

func allocate(f *os.File, from, to int64) error { return zeroFill(f, from, to) }

func writeAt(f *os.File, b []byte, at int64) (int, error) { return f.WriteAt(b, at) }
