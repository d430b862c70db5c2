//go:build unix && !linux

package vfs

import "os"

func datasync(f *os.File) error { return f.Sync() }

func allocate(f *os.File, from, to int64) error { return zeroFill(f, from, to) }
