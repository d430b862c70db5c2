package client

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// PageOptions says which children to list. The zero value is all of them.
type PageOptions struct {
	Prefix string // of the names
	After  string // only names that sort behind this one
	Limit  int    // children in a page; 0 for as many as a reply takes
	Stats  bool   // the Stat of every child
}

// Child is one entry of a Page. It has a Stat when that was asked for and the
// client may read the child.
type Child struct {
	Name    string
	HasStat bool
	Stat    Stat
}

// Page is some of a znode's children, sorted by the bytes of their names. More
// says that others follow; Stat is that of the parent.
type Page struct {
	Children []Child
	More     bool
	Stat     Stat
}

// ListPage lists some of a znode's children, at one point in time. The next page
// is asked for with After the last name of this one. A server without the
// extension is asked for the whole list, and for each Stat on its own.
func (c *Client) ListPage(ctx context.Context, path string, o PageOptions) (Page, error) {
	req := c.newRequest(wire.OpListPage)
	req.needs = wire.ExtensionsOf(wire.OpListPage)
	page, err := c.listPage(ctx, path, o, req)
	if errors.Is(err, ErrUnsupported) {
		return c.cutPage(ctx, path, o)
	}
	return page, err
}

func (c *Client) listPage(ctx context.Context, path string, o PageOptions, req *request) (Page, error) {
	full, err := c.full("list", path)
	if err != nil {
		return Page{}, err
	}
	if o.Limit < 0 || o.Limit > math.MaxInt32 {
		return Page{}, &OpError{"list", path, ErrBadArguments}
	}
	rec := wire.ListPageRequest{Path: []byte(full), Prefix: []byte(o.Prefix), After: []byte(o.After), Limit: int32(o.Limit)}
	if o.Stats {
		rec.Flags |= wire.PageStats
	}
	req.frame = rec.Append(req.frame)
	var res wire.ListPageResponse
	if err = c.call(ctx, req, res.Decode); err != nil {
		return Page{}, &OpError{"list", path, err}
	}
	page := Page{More: res.More, Stat: res.Stat, Children: make([]Child, 0, res.Entries.Len())}
	for e := range res.Entries.All {
		page.Children = append(page.Children, Child{Name: string(e.Name), HasStat: e.HasStat, Stat: e.Stat})
	}
	if page.More && len(page.Children) == 0 { // or the caller would ask for ever
		return Page{}, &OpError{"list", path, ErrProtocol}
	}
	return page, nil
}

// cutPage makes a page of the whole list.
func (c *Client) cutPage(ctx context.Context, path string, o PageOptions) (Page, error) {
	names, stat, err := c.Children2(ctx, path)
	if err != nil {
		return Page{}, err
	}
	page := Page{Stat: stat}
	first, found := slices.BinarySearch(names, o.After)
	if found {
		first++
	}
	for _, name := range names[first:] {
		if !strings.HasPrefix(name, o.Prefix) {
			continue
		}
		if page.More = o.Limit > 0 && len(page.Children) == o.Limit; page.More {
			break
		}
		page.Children = append(page.Children, Child{Name: name})
	}
	for i := range page.Children {
		child := &page.Children[i]
		if !o.Stats {
			break
		}
		child.Stat, child.HasStat, err = c.Exists(ctx, strings.TrimSuffix(path, "/")+"/"+child.Name)
		if err != nil && !errors.Is(err, ErrNoAuth) {
			return Page{}, err
		}
	}
	return page, nil
}

// AllChildren lists page after page, and asks for the next one when the loop gets
// there; Limit is the length of a page. A child that is there from the first page
// to the last is listed once; one that comes or goes meanwhile may be missing. An
// error ends the loop.
func (c *Client) AllChildren(ctx context.Context, path string, o PageOptions) iter.Seq2[Child, error] {
	return func(yield func(Child, error) bool) {
		for {
			page, err := c.ListPage(ctx, path, o)
			if err != nil {
				yield(Child{}, err)
				return
			}
			for _, child := range page.Children {
				if !yield(child, nil) {
					return
				}
				o.After = child.Name
			}
			if !page.More {
				return
			}
		}
	}
}
