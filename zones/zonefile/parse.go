package zonefile

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/mangrove-dns/mangrove/zones"
)

// Options say how to read a zone. The zero value reads a NAME.zone file as the zone NAME.
type Options struct {
	// Origin is the zone, and the first $ORIGIN. By default it follows from the file's name (OriginOf).
	Origin zones.Name
	// DefaultTTL is for records without a TTL in a file without $TTL; 0: there is none, and such a
	// record takes the TTL of the one before (RFC 1035 5.1).
	DefaultTTL uint32
	// MaxProblems is how many errors, and how many warnings, are kept; the count goes on. Default 1000.
	MaxProblems int
	// MaxSize is how many octets the file and all that it includes may have together. Default 1 GiB, at most 4 GiB.
	MaxSize int64
	// MaxGenerate is how many records one $GENERATE may make. Default 1<<20.
	MaxGenerate int
	// IncludeRoot, where it is set, is the directory that included files must be in, symbolic links followed.
	IncludeRoot string
	// ReadFile replaces reading from the file system, for files held elsewhere.
	ReadFile func(path string) ([]byte, error)
	// OnProgress, where it is set, is called every few megabytes of a large file, with the octets read and those that it has.
	OnProgress func(done, total int64)
}

const (
	defaultMaxProblems = 1000
	defaultMaxSize     = 1 << 30
	defaultMaxGenerate = 1 << 20
	// maxDepth is how deep files may include each other. BIND and miekg/dns have such limits too.
	maxDepth = 10
	// maxFiles bounds the whole; a file that is included twice counts twice.
	maxFiles = 10000
)

func (o Options) withDefaults() Options {
	if o.MaxProblems <= 0 {
		o.MaxProblems = defaultMaxProblems
	}
	if o.MaxSize <= 0 {
		o.MaxSize = defaultMaxSize
	}
	o.MaxSize = min(o.MaxSize, 1<<32-1)
	if o.MaxGenerate <= 0 {
		o.MaxGenerate = defaultMaxGenerate
	}
	return o
}

// Result is what a file held.
type Result struct {
	Zone     *zones.Zone     // nil where there is any error
	Origin   zones.Name      // also without a Zone
	Problems []zones.Problem // in the order of the file, included files where they are included
	// Errors and Warnings count all problems, also those beyond Options.MaxProblems.
	Errors, Warnings int
	// Aliases says that there are ALIAS records: nobody has to look through zones without.
	Aliases bool
	// Files are the file and all that it includes, each once, in order of first use; also those that could not be read.
	Files []File

	places *positions
	locate *locator // finds the places where they are not known yet
}

// Where returns the place of record i of an RRset of the zone, in the order of its Data; a zero Pos where there is none, or after
// DropPositions. Most zones are never asked, so the first call may read the files again: if they changed meanwhile, no
// place is known. It is safe for concurrent use.
func (r *Result) Where(owner zones.Name, typ uint16, i int) zones.Pos {
	places := r.places
	if r.locate != nil {
		if pos, ok := r.locate.apex.where(r.locate.path, typ, i); ok && i >= 0 && owner == r.Origin {
			return pos
		}
		places = r.locate.find()
	}
	if places == nil {
		return zones.Pos{}
	}
	return places.where(owner, typ, i)
}

// DropPositions frees what Where needs: 16 octets a record. It must not run together with Where.
func (r *Result) DropPositions() { r.places, r.locate = nil, nil }

// Parse reads the master file at path with all that it includes. What is wrong with its contents stands in the
// Result's Problems; the error says that the file could not be read at all, or that its name names no zone, and there is no Result then.
func Parse(path string, o Options) (*Result, error) {
	return new(Reader).Parse(context.Background(), path, o)
}

// ParseBytes is Parse for text that has been read already; path is for positions, the zone's name and relative
// includes. The Stamp of its File has the size alone. data belongs to the Result until DropPositions.
func ParseBytes(path string, data []byte, o Options) (*Result, error) {
	return new(Reader).ParseBytes(context.Background(), path, data, o)
}

// parser is the state of one Parse.
type parser struct {
	apex  apexPlaces // of a zone that is packed
	ctx   context.Context
	o     Options
	zone  zones.Name
	res   *Result
	left  int64 // octets that may still be read
	plain plainReader

	// Where records go: to a packer, or to a builder, with their places; or their places alone are noted.
	packer *zones.Packer
	build  *zones.Builder
	stop   bool // there is no use in going on: only a builder will do, or the files changed

	ttl      ttlState
	soa      soaState
	records  int     // read without an error
	src      *source // the file being read
	sources  int
	top      source // the zone's own file
	topScan  scanner
	tokens   []token
	wire     []byte // scratch for RDATA
	ownerBuf []byte // scratch for owners
	lastTTL  rrsetID
}

// rrsetID names an RRset: the last one that got a warning for its TTL, so that it gets but one in a row.
type rrsetID struct {
	name zones.Name
	typ  uint16
}

// source is one file being read; an included one has its own.
type source struct {
	scan   *scanner
	path   string
	file   int // index in positions.files
	parent *source
	depth  int

	origin zones.Name
	owner  zones.Name // of the record before; zero: none
	// ownerBad: the record before has an owner that cannot be read. Records that continue it are checked, but belong nowhere.
	ownerBad bool
	// The text that owner was read from, a copy, to make no second Name of it.
	ownerText   []byte
	ownerOrigin zones.Name
	ownerPlain  bool // the last owner is parser.plain's
	// shortSOA: the record before is a SOA that lacks its numbers. Where they stand alone in the lines behind it, that is one mistake.
	shortSOA bool
}

// forFile returns o complete, for a file.
func (o Options) forFile(path string) (Options, error) {
	o = o.withDefaults()
	if o.Origin.IsZero() {
		origin, err := OriginOf(filepath.Base(path))
		if err != nil {
			return o, fmt.Errorf("read zone %s: %w", path, err)
		}
		o.Origin = origin
	}
	return o, nil
}

func newParser(path string, o Options) (*parser, error) {
	o, err := o.forFile(path)
	if err != nil {
		return nil, err
	}
	p := new(parser)
	p.reset(o)
	return p, nil
}

// reset makes p a new parser that has the scratch memory of the old one.
func (p *parser) reset(o Options) {
	*p = parser{
		o: o, zone: o.Origin, left: o.MaxSize, res: &Result{Origin: o.Origin},
		plain: plainReader{off: p.plain.off, wire: p.plain.wire[:0]}, tokens: p.tokens[:0:min(cap(p.tokens), 1<<10)],
		wire: p.wire[:0], ownerBuf: p.ownerBuf[:0],
	}
	p.ttl.directive, p.ttl.hasDirective = o.DefaultTTL, o.DefaultTTL != 0
}

// parse reads the file that starts with data, and goes on in the window, if there is one.
func (p *parser) parse(path string, data []byte, in *window) *Result {
	p.top = source{path: path, origin: p.zone}
	p.file(&p.top, data, in)
	if p.stop {
		return nil
	}
	if p.records == 0 && p.res.Errors == 0 {
		p.report(zones.Pos{File: path}, zones.Error, "holds no records: a zone has a SOA record at least; %s is not loaded", p.zone)
	}
	if p.res.Errors == 0 && p.build != nil {
		p.res.Zone = p.build.Zone()
	}
	return p.res
}

// file reads one file, the zone's own or an included one.
func (p *parser) file(src *source, data []byte, in *window) {
	src.parent, p.src = p.src, src
	defer func() { p.src = src.parent }()
	src.file = p.sources
	if places := p.res.places; places != nil {
		places.files = append(places.files, src.path)
	}
	p.sources++

	if text := notText(data); text != "" {
		pos := zones.Pos{File: src.path, Line: 1, Col: 1}
		if i := bytes.IndexByte(data, 0); i >= 0 {
			pos.Line += bytes.Count(data[:i], []byte{'\n'})
			pos.Col = i - bytes.LastIndexByte(data[:i], '\n')
		}
		p.report(pos, zones.Error, "%s", text)
		return
	}
	src.scan = &scanner{data: data, line: 1, in: in, toks: p.tokens[:0]}
	if src == &p.top {
		p.topScan = *src.scan
		src.scan = &p.topScan
	}
	p.tokens = nil
	defer func() { p.tokens = src.scan.toks }()
	if bytes.HasPrefix(data, []byte("\ufeff")) {
		p.report(zones.Pos{File: src.path, Line: 1, Col: 1}, zones.Warning, "byte order mark: save the file as UTF-8 without one, other name servers refuse it")
		src.scan.off, src.scan.lineStart = 3, 3
	}
	for !p.stop {
		p.plainLines()
		p.ownerFromPlain()
		if p.stop || !src.scan.next() {
			break
		}
		if src.shortSOA = src.shortSOA && src.scan.numbersAlone(); src.shortSOA {
			continue
		}
		before := len(p.res.Problems)
		for _, f := range src.scan.flaws {
			p.report(zones.Pos{File: src.path, Line: f.line, Col: f.col}, f.severity, "%s", f.text)
		}
		toks := src.scan.toks
		switch {
		case len(toks) == 0:
		case !src.scan.blank && isDirective(toks[0]):
			if !src.scan.bad {
				p.directive(toks)
			}
		case src.scan.bad:
			p.ownerOf(toks)
		default:
			p.record(toks, src.scan.blank)
			inOrder(p.res.Problems[before:])
		}
	}
}

// inOrder puts the problems of one record in the order of their places: it is not read strictly from left to right.
func inOrder(problems []zones.Problem) {
	if len(problems) > 1 {
		slices.SortStableFunc(problems, func(a, b zones.Problem) int {
			return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
		})
	}
}

// ownerOf takes the owner of a record that cannot be read, for those that continue it.
func (p *parser) ownerOf(toks []token) {
	if !p.src.scan.blank {
		p.owner(toks[0], true)
	}
}

// notText says why data cannot be a master file at all.
func notText(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return "the file is UTF-16 text: save it as UTF-8"
	case bytes.IndexByte(data, 0) >= 0:
		return "NUL octet: the file is not a text"
	}
	return ""
}

// report adds a problem.
func (p *parser) report(pos zones.Pos, severity zones.Severity, format string, args ...any) {
	count := &p.res.Warnings
	if severity == zones.Error {
		count = &p.res.Errors
		p.stop = p.stop || p.build == nil
	}
	*count++
	if *count <= p.o.MaxProblems {
		p.res.Problems = append(p.res.Problems, zones.Problem{Pos: pos, Severity: severity, Text: fmt.Sprintf(format, args...)})
	}
}

func (p *parser) errorAt(t token, format string, args ...any) {
	p.report(p.pos(t), zones.Error, format, args...)
}

func (p *parser) warnAt(t token, format string, args ...any) {
	p.report(p.pos(t), zones.Warning, format, args...)
}

func (p *parser) pos(t token) zones.Pos {
	return zones.Pos{File: p.src.path, Line: t.line, Col: t.col}
}

// read reads a file and notes it in Files.
func (p *parser) read(path string) ([]byte, error) {
	var f File
	var data []byte
	if p.o.ReadFile != nil {
		data, f.Err = p.o.ReadFile(path)
		f.Size = int64(len(data))
		if f.Err == nil && f.Size > p.left {
			f.Err = tooLarge(f.Size, p.left)
		}
	} else {
		data, f.Stamp, f.Err = readFile(path, p.left)
	}
	f.Path = path
	if f.Err == nil {
		p.left -= int64(len(data))
		f.SHA256 = sha256.Sum256(data)
	}
	for _, have := range p.res.Files {
		if have.Path == path {
			return data, f.Err
		}
	}
	p.res.Files = append(p.res.Files, f)
	return data, f.Err
}
