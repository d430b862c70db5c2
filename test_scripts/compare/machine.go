package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine is where a report was made, and with what.
type machine struct {
	Date     string            `json:"date"`
	Commit   string            `json:"commit"`
	CPU      string            `json:"cpu"`
	Cores    int               `json:"cores"`
	MemoryGB float64           `json:"memory_gb"`
	Kernel   string            `json:"kernel"`
	Disk     string            `json:"disk"`
	SyncMs   float64           `json:"sync_ms"` // the median of a 4 KiB write and its sync
	Files    uint64            `json:"open_files_max"`
	Versions map[string]string `json:"versions"`
}

// same reports whether figures of one may stand beside those of the other.
func (m *machine) same(o *machine) bool {
	return m.CPU == o.CPU && m.Cores == o.Cores && m.Kernel == o.Kernel && m.Disk == o.Disk
}

// describe looks at this machine; what it does not tell stays unknown.
func describe(ctx context.Context, p *plan, data string) (machine, error) {
	m := machine{Date: time.Now().UTC().Format(time.DateOnly), Cores: cores(), Versions: map[string]string{"go": runtime.Version()}}
	m.CPU = fileLine("/proc/cpuinfo", "model name")
	m.Kernel = strings.TrimSpace(fileText("/proc/sys/kernel/osrelease"))
	kb, _ := strconv.ParseFloat(strings.TrimSuffix(fileLine("/proc/meminfo", "MemTotal"), " kB"), 64)
	m.MemoryGB = float64(int(kb/1e5)) / 10
	m.Disk = diskOf(data)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		m.Files = limit.Max
	}
	m.Commit = firstLine(ctx, p.root, "git", "describe", "--always", "--dirty", "--tags")
	m.Versions[zabkeeper] = m.Commit
	for _, peer := range p.peers {
		switch peer {
		case zooKeeper:
			m.Versions[zooKeeper] = firstLine(ctx, p.root, "dpkg-query", "-W", "-f", "${Version}", "zookeeper")
			m.Versions["java"] = firstLine(ctx, p.root, "java", "-version")
		case etcd:
			m.Versions[etcd] = strings.TrimPrefix(firstLine(ctx, p.root, "etcd", "--version"), "etcd Version: ")
		}
	}
	var err error
	m.SyncMs, err = syncTime(data)
	return m, err
}

func cores() int { return runtime.NumCPU() }

func fileText(path string) string {
	b, _ := os.ReadFile(path) // nothing is known then
	return string(b)
}

// fileLine is the value of "name : value".
func fileLine(path, name string) string {
	_, v, _ := strings.Cut(lineOf(fileText(path), name), ":")
	return strings.TrimSpace(v)
}

func firstLine(ctx context.Context, dir, command string, args ...string) string {
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// diskOf is the file system of a directory and what it lies on.
func diskOf(dir string) string {
	best, disk := "", "unknown"
	for line := range strings.Lines(fileText("/proc/mounts")) {
		f := strings.Fields(line)
		if len(f) < 3 || len(f[1]) < len(best) {
			continue
		}
		if rest, in := strings.CutPrefix(dir, f[1]); in && (f[1] == "/" || rest == "" || rest[0] == '/') {
			best, disk = f[1], f[2]+" on "+f[0]
		}
	}
	return disk
}

// syncs is how many syncs are timed.
const syncs = 101

// syncTime is the median of a 4 KiB write and its sync, in milliseconds.
func syncTime(dir string) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }()
	page := make([]byte, 4096)
	var list []float64
	for i := range syncs {
		begin := time.Now()
		if _, err := f.WriteAt(page, int64(i)*int64(len(page))); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		list = append(list, float64(time.Since(begin).Microseconds())/1e3)
	}
	return median(list), nil
}

// busyTime is the CPU time that everything on the machine has used.
func busyTime() (sum time.Duration) {
	f := strings.Fields(lineOf(fileText("/proc/stat"), "cpu "))
	for i, v := range f {
		n, err := strconv.ParseInt(v, 10, 64)
		// user nice system idle iowait irq softirq steal; guests are in user.
		if err == nil && i != 3 && i != 4 && i < 8 {
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}

func (m *machine) String() string {
	return fmt.Sprintf("%d cores of %s, %.1f GB of memory, %s (a 4 KiB write and its sync: %.2f ms), Linux %s", m.Cores, m.CPU, m.MemoryGB, m.Disk, m.SyncMs, m.Kernel)
}
