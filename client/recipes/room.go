package recipes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
)

var (
	// ErrRoomName refuses the name of a room that can't be a znode.
	ErrRoomName = errors.New("bad name for a room")
	// ErrTextLength refuses a message that is empty or too long.
	ErrTextLength = errors.New("bad length of a message")
)

// TextBytesMax is how long the text of a message may be.
const TextBytesMax = 64 << 10

// roomsPath is where all rooms are.
const roomsPath = "/chat"

// retryInterval is how long a room waits after an attempt to connect failed.
const retryInterval = time.Second

// Message is what somebody said. Number is its place in the room: messages are
// numbered in the order of their zxids.
type Message struct {
	Number int64
	From   string
	Text   string
	At     time.Time // by the sender's clock, for people only
}

// content is the data of a message's znode.
type content struct {
	From string `json:"from"`
	Text string `json:"text"`
	At   int64  `json:"at"` // milliseconds since 1970
}

// RoomEvents are called one at a time, from one goroutine, and should return
// soon.
type RoomEvents struct {
	Message func(Message)
	// Present is called with the names of all who are in the room, sorted, and
	// whenever that has changed.
	Present func(names []string)
	// Notice is told in words that the session or the connection is troubled.
	Notice func(text string)
}

// Room is a chat room: messages are persistent sequential znodes below
// /chat/NAME/messages, who is there is a Group at /chat/NAME/members.
//
// Guarantees: everybody gets the same messages in the same order, the whole
// history first, each once. A message that Send returned a number for is in the room
// exactly once, also when answers were lost on the way: it carries an id that it
// is looked up by, and should the same id be there twice, everybody drops the
// later one. A Room goes on with a new session when one has expired.
type Room struct {
	path   string
	self   string
	dial   func(context.Context) (*client.Client, error)
	events RoomEvents
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	current *client.Client
	ready   chan struct{} // closed when current is set, replaced when it is cleared

	// Of the goroutine that follows the room.
	last int64           // number of the newest message shown
	seen map[string]bool // ids of the messages shown
}

// JoinRoom enters a room under a name, with sessions that dial makes, and
// follows it until Leave.
func JoinRoom(room, self string, dial func(context.Context) (*client.Client, error), events RoomEvents) (*Room, error) {
	if room == "" || room == "." || room == ".." || strings.ContainsFunc(room, func(r rune) bool { return r == '/' || r < ' ' || r == 0x7f || r == 0xfffd }) {
		return nil, fmt.Errorf("%w: %q; use letters, digits and most other signs, but no slash", ErrRoomName, room)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Room{path: roomsPath + "/" + room, self: self, dial: dial, events: events, cancel: cancel,
		done: make(chan struct{}), ready: make(chan struct{}), last: -1, seen: map[string]bool{}}
	go r.run(ctx)
	return r, nil
}

// Leave ends the sessions of the room; nothing is called afterwards.
func (r *Room) Leave() {
	r.cancel()
	<-r.done
}

// Send says something. When it returns without an error the message is in the
// room, with the number returned.
func (r *Room) Send(ctx context.Context, text string) (number int64, err error) {
	if len(text) == 0 || len(text) > TextBytesMax {
		return 0, fmt.Errorf("%w: %d bytes, may be 1 to %d", ErrTextLength, len(text), TextBytesMax)
	}
	data, err := json.Marshal(content{r.self, text, time.Now().UnixMilli()})
	if err != nil {
		return 0, err
	}
	id := newID()
	for unsure := false; ; {
		c, err := r.session(ctx)
		if err != nil {
			return 0, err
		}
		name, err := r.send(ctx, c, id, data, &unsure)
		switch {
		case err == nil:
			_, number, _ := sequence(name)
			return number, nil
		case ctx.Err() != nil:
			return 0, err
		case errors.Is(err, client.ErrSessionExpired) || errors.Is(err, client.ErrClosed):
			r.drop(c) // and go on with the next session
		case !errors.Is(err, client.ErrConnectionLoss):
			return 0, err
		}
	}
}

// send makes the message's znode, unless an earlier attempt, whose answer was
// lost, has made it, and returns its name.
func (r *Room) send(ctx context.Context, c *client.Client, id string, data []byte, unsure *bool) (string, error) {
	dir := r.path + "/messages"
	if *unsure {
		if err := latest(ctx, c, dir); err != nil {
			return "", err
		}
		names, err := children(ctx, c, dir)
		i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, id) })
		if err != nil {
			return "", err
		}
		if i >= 0 {
			return names[i], nil
		}
	}
	var path string
	err := below(ctx, c, dir, func() (err error) {
		path, err = c.Create(ctx, dir+"/"+id+"-", data, client.CreateOptions{Mode: client.ModePersistentSequential})
		return err
	})
	*unsure = *unsure || err != nil
	return path, err
}

// session waits for a session.
func (r *Room) session(ctx context.Context) (*client.Client, error) {
	for {
		r.mu.Lock()
		c, ready := r.current, r.ready
		r.mu.Unlock()
		if c != nil {
			return c, nil
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.done:
			return nil, client.ErrClosed
		}
	}
}

func (r *Room) drop(c *client.Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == c {
		r.current, r.ready = nil, make(chan struct{})
	}
}

// run follows the room over one session after another.
func (r *Room) run(ctx context.Context) {
	defer close(r.done)
	for ctx.Err() == nil {
		c, err := r.dial(ctx)
		if err == nil {
			err = r.follow(ctx, c)
			r.drop(c)
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			_ = c.Close(closing) // otherwise the session expires
			cancel()
		}
		if ctx.Err() != nil {
			return
		}
		r.events.Notice(fmt.Sprintf("%v; connecting again", err))
		select {
		case <-time.After(retryInterval):
		case <-ctx.Done():
		}
	}
}

// follow shows what is new in the room until the session ends.
func (r *Room) follow(ctx context.Context, c *client.Client) error {
	dir := r.path + "/messages"
	if err := ensurePath(ctx, c, dir); err != nil {
		return err
	}
	var watch *client.Watch
	err := again(func() (err error) {
		watch, err = c.AddWatch(ctx, dir, client.Recursive)
		return err
	})
	if err != nil {
		return err
	}
	if err = latest(ctx, c, dir); err == nil {
		err = r.catchUp(ctx, c)
	}
	group := NewGroup(c, r.path+"/members", r.self)
	if err == nil {
		err = group.Join(ctx)
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.current = c
	close(r.ready)
	r.mu.Unlock()
	return r.listen(ctx, c, watch, group)
}

func (r *Room) listen(ctx context.Context, c *client.Client, watch *client.Watch, group *Group) error {
	changed, err := r.showMembers(ctx, group)
	for err == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-watch.Events():
			switch {
			case !ok || e.Type == client.EventEnded:
				return client.ErrSessionExpired
			case e.Type == client.EventResync:
				err = r.catchUp(ctx, c)
			case e.Type == client.EventCreated:
				err = r.show(ctx, c, []string{e.Path[strings.LastIndexByte(e.Path, '/')+1:]})
			}
		case e := <-changed:
			if err = e.Err; err == nil {
				changed, err = r.showMembers(ctx, group)
			}
		}
	}
	return err
}

func (r *Room) showMembers(ctx context.Context, group *Group) (<-chan client.Event, error) {
	members, changed, err := group.Members(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range members {
		names = append(names, m.Identifier)
	}
	slices.Sort(names)
	r.events.Present(names)
	return changed, nil
}

// catchUp shows everything that is not shown yet.
func (r *Room) catchUp(ctx context.Context, c *client.Client) error {
	names, err := children(ctx, c, r.path+"/messages")
	if err != nil {
		return err
	}
	var fresh []string
	for _, m := range queueOf(names, "-") {
		if m.number > r.last {
			fresh = append(fresh, m.name)
		}
	}
	for len(fresh) > 0 {
		n := min(len(fresh), readBatch)
		if err := r.show(ctx, c, fresh[:n]); err != nil {
			return err
		}
		fresh = fresh[n:]
	}
	return nil
}

// readBatch is how many messages are asked for before the first is awaited.
const readBatch = 64

// show reads messages that are next in the order and shows them.
func (r *Room) show(ctx context.Context, c *client.Client, names []string) error {
	texts, errs := make([][]byte, len(names)), make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { texts[i], _, errs[i] = read(ctx, c, r.path+"/messages/"+name) })
	}
	all.Wait()
	for i, name := range names {
		prefix, number, ok := sequence(name)
		if !ok || number <= r.last || errors.Is(errs[i], client.ErrNoNode) { // shown, not a message, or removed by an operator
			continue
		}
		if errs[i] != nil {
			return errs[i]
		}
		r.last = number
		if r.seen[prefix] {
			continue
		}
		r.seen[prefix] = true
		var said content
		if err := json.Unmarshal(texts[i], &said); err != nil { // written by another program
			said = content{From: "?", Text: string(texts[i])}
		}
		r.events.Message(Message{number, said.From, said.Text, time.UnixMilli(said.At)})
	}
	return nil
}
