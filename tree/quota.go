package tree

import (
	"strconv"
	"strings"
)

const (
	quotaLimitsName = "/zookeeper_limits"
	quotaStatsName  = "/zookeeper_stats"
)

// quota counts the subtree at path, itself included. It lives as long as its
// limits node.
type quota struct {
	path          string
	limits, stats *znode // stats is nil while a client has not created it
	count, bytes  int64
	dirty         bool
	once          bool // no limits: the statistics are written when they are created, and then left
}

// quotaTarget returns the path that a node below /zookeeper/quota is about. The
// root cannot be limited, and neither can the system nodes: writing statistics
// would change what they count.
func quotaTarget(path, name string) (string, bool) {
	target, ok := strings.CutPrefix(path, pathQuota)
	if !ok {
		return "", false
	}
	target, ok = strings.CutSuffix(target, name)
	if !ok || target == "" || target[0] != '/' || target == pathSystem || strings.HasPrefix(target, pathSystem+"/") {
		return "", false
	}
	return target, true
}

func (t *Tree) quotaAttached(n *znode) {
	if target, ok := quotaTarget(n.path(), quotaLimitsName); ok {
		q := &quota{path: target, limits: n, stats: t.nodes.find(pathQuota + target + quotaStatsName)}
		q.count, q.bytes = t.measure(target)
		t.quotas[target] = q
		t.quotaDirty(q)
	}
	if target, ok := quotaTarget(n.path(), quotaStatsName); ok {
		q := t.quotas[target]
		if q == nil {
			q = &quota{path: target, once: true}
			q.count, q.bytes = t.measure(target)
		}
		q.stats = n
		t.quotaDirty(q)
	}
}

func (t *Tree) quotaDetached(n *znode) {
	if target, ok := quotaTarget(n.path(), quotaLimitsName); ok {
		delete(t.quotas, target)
	}
	if target, ok := quotaTarget(n.path(), quotaStatsName); ok && t.quotas[target] != nil {
		t.quotas[target].stats = nil
	}
}

// measure counts the nodes and the data of a subtree.
func (t *Tree) measure(path string) (count, bytes int64) {
	for n := t.nodes.find(path); n != nil; n = nextInSubtree(n, path) {
		count++
		bytes += int64(n.dataBytes())
	}
	return count, bytes
}

// quotaAdd keeps the counts of every quota over path.
func (t *Tree) quotaAdd(path string, count, bytes int64) {
	if len(t.quotas) == 0 {
		return
	}
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		if q := t.quotas[path[:i]]; q != nil {
			q.count += count
			q.bytes += bytes
			t.quotaDirty(q)
		}
	}
}

func (t *Tree) quotaDirty(q *quota) {
	if !q.dirty {
		q.dirty = true
		t.dirtyQuotas = append(t.dirtyQuotas, q)
	}
}

// flushQuotas writes the statistics of the quotas a transaction moved. That is
// no change a client sees in a Stat and fires no watch.
func (t *Tree) flushQuotas() {
	for _, q := range t.dirtyQuotas {
		q.dirty = false
		current := t.quotas[q.path] == q || q.once && t.nodes.find(q.stats.path()) == q.stats
		if q.stats != nil && current {
			text := strconv.AppendInt([]byte("count="), q.count, 10)
			text = strconv.AppendInt(append(text, ",bytes="...), q.bytes, 10)
			t.replaceData(q.stats, text)
		}
	}
	t.dropDirtyQuotas()
}

func (t *Tree) dropDirtyQuotas() {
	for i, q := range t.dirtyQuotas {
		q.dirty = false
		t.dirtyQuotas[i] = nil
	}
	t.dirtyQuotas = t.dirtyQuotas[:0]
}

// exceedsQuota judges a change at path against the longest quota over it.
func (t *Tree) exceedsQuota(path string, count, bytes int64) bool {
	if len(t.quotas) == 0 {
		return false
	}
	for i := len(path); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		q := t.quotas[path[:i]]
		if q == nil {
			continue
		}
		countMax, bytesMax := hardLimits(string(q.limits.data()))
		return count != 0 && countMax >= 0 && q.count+count > countMax ||
			bytes != 0 && bytesMax >= 0 && q.bytes+bytes > bytesMax
	}
	return false
}

// hardLimits parses a limits node; -1 is no limit.
func hardLimits(text string) (count, bytes int64) {
	count, bytes = -1, -1
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' }) {
		key, value, _ := strings.Cut(field, "=")
		v, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			continue
		}
		switch key {
		case "countHardLimit":
			count = v
		case "byteHardLimit":
			bytes = v
		}
	}
	return count, bytes
}
