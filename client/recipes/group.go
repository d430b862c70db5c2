package recipes

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/client"
)

const markParty = "__party__"

// Member is a participant of a Group.
type Member struct {
	ID         string // different for every Join
	Identifier string
}

// Group is a list of the participants that are alive. It is kazoo's Party.
//
// Guarantees: a member is listed from Join until Leave or the end of its
// session, that is for up to a session timeout after it has crashed.
type Group struct {
	c          *client.Client
	path       string
	identifier string
	own        string
	known      map[string]string // identifiers, which never change, by znode
}

// NewGroup returns the group at path; identifier is what others see of this
// participant once it has joined.
func NewGroup(c *client.Client, path, identifier string) *Group {
	return &Group{c: c, path: path, identifier: identifier, own: newID() + markParty, known: map[string]string{}}
}

// ID is this participant's Member.ID.
func (g *Group) ID() string { return g.own }

// Join enters the group; joining twice is joining once.
func (g *Group) Join(ctx context.Context) error {
	err := below(ctx, g.c, g.path, func() error {
		return again(func() error {
			_, err := g.c.Create(ctx, g.path+"/"+g.own, []byte(g.identifier), client.CreateOptions{Mode: client.ModeEphemeral})
			return err
		})
	})
	if errors.Is(err, client.ErrNodeExists) {
		return nil
	}
	return err
}

// Leave leaves the group.
func (g *Group) Leave(ctx context.Context) error { return remove(ctx, g.c, g.path+"/"+g.own) }

// Members returns who is in the group, ordered by ID, and a channel that gets an
// event when that has changed.
func (g *Group) Members(ctx context.Context) ([]Member, <-chan client.Event, error) {
	var names []string
	var changed <-chan client.Event
	err := below(ctx, g.c, g.path, func() error {
		return again(func() (err error) {
			names, _, changed, err = g.c.ChildrenW(ctx, g.path)
			return err
		})
	})
	if err != nil {
		return nil, nil, err
	}
	var members []Member
	for _, name := range names {
		if !strings.Contains(name, markParty) {
			continue
		}
		identifier, seen := g.known[name]
		if !seen {
			data, _, err := read(ctx, g.c, g.path+"/"+name)
			if errors.Is(err, client.ErrNoNode) {
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			identifier = string(data)
			g.known[name] = identifier
		}
		members = append(members, Member{name, identifier})
	}
	for name := range g.known {
		if !slices.Contains(names, name) {
			delete(g.known, name)
		}
	}
	return members, changed, nil
}
