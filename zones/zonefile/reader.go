package zonefile

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/mangrove-dns/mangrove/zones"
)

// Reader parses one file after the other and keeps the memory that this takes: whoever reads thousands of zones uses one for
// each goroutine. The zero Reader is ready. It is not safe for concurrent use.
//
// A file is read piece by piece and its records are packed (zones.Packer), without a note of their places. That will not do for
// files with errors, with records that stand twice or have other TTLs than their RRset, and for signed zones. They are read
// again, as a whole, and their zone is made by a zones.Builder, which says which record it is.
type Reader struct {
	window window
	packer zones.Packer
	parser parser // for pieces

	noPlain bool // for tests: no plain lines

	slowly bool // for tests: no packer
}

// Parse is as the function of that name. It gives up when ctx is done.
func (r *Reader) Parse(ctx context.Context, path string, o Options) (*Result, error) {
	if o.ReadFile == nil && !r.slowly {
		res, err := r.pieces(ctx, path, o)
		if res != nil || err != nil {
			return res, err
		}
	}
	p, err := newParser(path, o)
	if err != nil {
		return nil, err
	}
	data, err := p.read(path)
	if err != nil {
		return nil, fmt.Errorf("read zone %s: %w", path, reason(err))
	}
	if o.ReadFile != nil && !r.slowly {
		return r.text(ctx, p, path, data, o)
	}
	return r.whole(ctx, p, path, data)
}

// ParseBytes is as the function of that name. It gives up when ctx is done.
func (r *Reader) ParseBytes(ctx context.Context, path string, data []byte, o Options) (*Result, error) {
	p, err := newParser(path, o)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > p.o.MaxSize {
		return nil, fmt.Errorf("read zone %s: %w", path, tooLarge(int64(len(data)), p.o.MaxSize))
	}
	p.left -= int64(len(data))
	p.res.Files = append(p.res.Files, File{Path: path, Stamp: Stamp{Size: int64(len(data))}, SHA256: sha256.Sum256(data)})
	if r.slowly {
		return r.whole(ctx, p, path, data)
	}
	return r.text(ctx, p, path, data, o)
}

// pieces reads a file piece by piece; nil where that will not do.
func (r *Reader) pieces(ctx context.Context, path string, o Options) (*Result, error) {
	full, err := o.forFile(path)
	if err != nil {
		return nil, err
	}
	p := &r.parser
	p.reset(full)
	defer func() { p.res = nil }() // it is the caller's
	w := &r.window
	w.ctx, w.progress = ctx, o.OnProgress
	if err := w.open(path, p.left); err != nil {
		return nil, ctx.Err()
	}
	p.left -= w.stamp.Size
	p.res.Files = append(p.res.Files, File{Path: path})
	res := r.pack(ctx, p, path, w.buf, w)
	file, unchanged := w.close()
	if res == nil || !unchanged {
		r.packer.Reset(p.zone)
		return nil, ctx.Err()
	}
	file.Path = path
	res.Files[0] = file
	return r.packed(p, path, nil, o), nil
}

// text reads what is in memory already.
func (r *Reader) text(ctx context.Context, p *parser, path string, data []byte, o Options) (*Result, error) {
	first := p.res.Files[0]
	if r.pack(ctx, p, path, data, nil) != nil {
		if res := r.packed(p, path, data, o); res != nil {
			return res, nil
		}
	}
	r.packer.Reset(p.zone)
	p, err := newParser(path, o)
	if err != nil {
		return nil, err
	}
	p.left -= int64(len(data))
	p.res.Files = append(p.res.Files, first)
	return r.whole(ctx, p, path, data)
}

// pack reads the file that starts with data into the packer; nil: it is to be read as a whole.
func (r *Reader) pack(ctx context.Context, p *parser, path string, data []byte, in *window) *Result {
	r.packer.Reset(p.zone)
	p.ctx, p.packer, p.plain.off, p.apex = ctx, &r.packer, r.noPlain, apexPlaces{}
	res := p.parse(path, data, in)
	if p.stop {
		return nil
	}
	return res
}

// packed ends pack; nil where the records cannot be packed.
func (r *Reader) packed(p *parser, path string, data []byte, o Options) *Result {
	zone, err := r.packer.Zone()
	if err != nil {
		return nil
	}
	p.res.Zone = zone
	p.res.locate = &locator{path: path, o: o, data: data, files: p.res.Files, apex: p.apex, records: zone.Records()}
	return p.res
}

// whole reads data with a builder. p is new.
func (r *Reader) whole(ctx context.Context, p *parser, path string, data []byte) (*Result, error) {
	p.ctx, p.plain.off = ctx, r.noPlain
	p.build = zones.NewBuilder(p.zone)
	p.res.places = &positions{seed: maphash.MakeSeed()}
	res := p.parse(path, data, nil)
	if res == nil {
		return nil, fmt.Errorf("read zone %s: %w", path, ctx.Err())
	}
	return res, nil
}

// locator finds the places of the records of a zone that was packed, when somebody asks.
type locator struct {
	path  string
	o     Options
	data  []byte // nil: to be read
	files []File
	apex  apexPlaces
	// records are how many there are: so many places, and no room for more.
	records int

	once   sync.Once
	places *positions
}

// find returns the places; nil where the files are not what they were.
func (l *locator) find() *positions {
	l.once.Do(func() {
		p, err := newParser(l.path, l.o)
		if err != nil {
			return
		}
		data := l.data
		if data == nil {
			if data, err = p.read(l.path); err != nil {
				return
			}
		} else {
			p.res.Files = append(p.res.Files, l.files[0])
		}
		places := &positions{seed: maphash.MakeSeed(), places: make([]place, 0, l.records)}
		p.ctx, p.res.places = context.Background(), places
		res := p.parse(l.path, data, nil)
		if res != nil && slices.EqualFunc(res.Files, l.files, func(a, b File) bool { return a.Path == b.Path && a.SHA256 == b.SHA256 }) {
			l.places = places
		}
	})
	return l.places
}
