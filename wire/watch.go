package wire

// EventType says what happened to a watched path.
type EventType int32

// The event types. A server sends the first four; the others are made by client
// libraries.
const (
	EventNodeCreated            EventType = 1
	EventNodeDeleted            EventType = 2
	EventNodeDataChanged        EventType = 3
	EventNodeChildrenChanged    EventType = 4
	EventNone                   EventType = -1
	EventDataWatchRemoved       EventType = 5
	EventChildWatchRemoved      EventType = 6
	EventPersistentWatchRemoved EventType = 7
)

// State is the connection state an event carries; servers always send
// StateSyncConnected.
type State int32

// The states.
const (
	StateDisconnected      State = 0
	StateSyncConnected     State = 3
	StateAuthFailed        State = 4
	StateConnectedReadOnly State = 5
	StateSaslAuthenticated State = 6
	StateClosed            State = 7
	StateExpired           State = -112
)

// WatcherEvent is the body behind a ReplyHeader with XidEvent.
type WatcherEvent struct {
	Type  EventType
	State State
	Path  []byte
}

// Append appends the record.
func (w *WatcherEvent) Append(dst []byte) []byte {
	return AppendBuffer(AppendInt(AppendInt(dst, int32(w.Type)), int32(w.State)), w.Path)
}

// Decode reads the record.
func (w *WatcherEvent) Decode(r *Reader) {
	w.Type, w.State, w.Path = EventType(r.Int()), State(r.Int()), r.Buffer()
}

// AddWatchMode is how a watch made by addWatch behaves.
type AddWatchMode int32

// The modes of addWatch.
const (
	WatchPersistent AddWatchMode = 0
	WatchRecursive  AddWatchMode = 1
)

// WatcherType selects watches for checkWatches and removeWatches.
type WatcherType int32

// The watcher types.
const (
	WatcherChildren            WatcherType = 1
	WatcherData                WatcherType = 2
	WatcherAny                 WatcherType = 3
	WatcherPersistent          WatcherType = 4
	WatcherPersistentRecursive WatcherType = 5
)

// Valid reports whether t is one of the watcher types.
func (t WatcherType) Valid() bool { return t >= WatcherChildren && t <= WatcherPersistentRecursive }

// PathModeRequest is the record of addWatch (an AddWatchMode), checkWatches and
// removeWatches (a WatcherType).
type PathModeRequest struct {
	Path []byte
	Mode int32
}

// Append appends the record.
func (a *PathModeRequest) Append(dst []byte) []byte {
	return AppendInt(AppendBuffer(dst, a.Path), a.Mode)
}

// Decode reads the record.
func (a *PathModeRequest) Decode(r *Reader) { a.Path, a.Mode = r.Buffer(), r.Int() }

// SetWatches is the record of setWatches and, with DecodePersistent and
// AppendPersistent, of setWatches2.
type SetWatches struct {
	RelativeZxid          int64
	Data, Exist, Child    Strings
	Persistent, Recursive Strings
}

// Append appends the record of setWatches.
func (s *SetWatches) Append(dst []byte) []byte {
	return s.Child.Append(s.Exist.Append(s.Data.Append(AppendLong(dst, s.RelativeZxid))))
}

// AppendPersistent appends the record of setWatches2.
func (s *SetWatches) AppendPersistent(dst []byte) []byte {
	return s.Recursive.Append(s.Persistent.Append(s.Append(dst)))
}

// Decode reads the record of setWatches.
func (s *SetWatches) Decode(r *Reader) {
	s.RelativeZxid = r.Long()
	s.Data, s.Exist, s.Child = r.Strings(), r.Strings(), r.Strings()
	s.Persistent, s.Recursive = Strings{}, Strings{}
}

// DecodePersistent reads the record of setWatches2.
func (s *SetWatches) DecodePersistent(r *Reader) {
	s.Decode(r)
	s.Persistent, s.Recursive = r.Strings(), r.Strings()
}

// Whole reports whether no list and no path is null; ZooKeeper refuses the whole
// request otherwise.
func (s *SetWatches) Whole() bool {
	for _, list := range [...]Strings{s.Data, s.Exist, s.Child, s.Persistent, s.Recursive} {
		if list.count < 0 {
			return false
		}
		for path := range list.All {
			if path == nil {
				return false
			}
		}
	}
	return true
}
