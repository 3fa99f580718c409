package zonefile

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/mangrove-dns/mangrove/zones"
)

// isDirective says whether a token at the start of a line is a directive. A name that starts with "$" is written "\$".
func isDirective(t token) bool { return !t.quoted && t.text[0] == '$' }

// directive carries out one directive (RFC 1035 5.1, RFC 2308 4, BIND's $GENERATE).
func (p *parser) directive(toks []token) {
	switch strings.ToUpper(string(toks[0].text)) {
	case "$ORIGIN":
		p.originDirective(toks)
	case "$TTL":
		p.ttlDirective(toks)
	case "$INCLUDE":
		p.include(toks)
	case "$GENERATE":
		p.generate(toks)
	default:
		p.errorAt(toks[0], `unknown directive %q: there are $ORIGIN, $TTL, $INCLUDE and $GENERATE; a name that starts with "$" is written \%s`,
			toks[0].text, toks[0].text)
	}
}

// arguments reports a directive with fewer or more arguments than it takes.
func (p *parser) arguments(toks []token, least, most int, usage string) bool {
	last := toks[len(toks)-1]
	switch n := len(toks) - 1; {
	case n < least:
		last.col += last.width()
		p.errorAt(last, "%s ends too early: it is written %s", toks[0].text, usage)
		return false
	case n > most:
		p.errorAt(toks[most+1], "%s ends before this: it is written %s", toks[0].text, usage)
		return false
	}
	return true
}

func (p *parser) originDirective(toks []token) {
	if !p.arguments(toks, 1, 1, "$ORIGIN NAME") {
		return
	}
	if origin, ok := p.originArgument(toks[1]); ok {
		p.src.origin = origin
	}
}

// originArgument reads the name of a new origin; a relative one is below the present one.
func (p *parser) originArgument(t token) (zones.Name, bool) {
	if t.quoted {
		p.errorAt(t, "origin %s is quoted: write it without quotes", t.raw())
		return zones.Name{}, false
	}
	wire, form, fault := appendName(nil, t.text, p.src.origin.Wire())
	if fault != faultNone {
		p.errorAt(t, "bad origin %q: %s", t.text, fault)
		return zones.Name{}, false
	}
	origin, err := zones.NameFromWire(wire)
	if err != nil {
		p.errorAt(t, "bad origin %q: %s", t.text, err)
		return zones.Name{}, false
	}
	p.warnForm(t, wire, form)
	return origin, true
}

func (p *parser) ttlDirective(toks []token) {
	if !p.arguments(toks, 1, 1, "$TTL SECONDS") {
		return
	}
	ttl, ok := parseTTL(toks[1].text)
	if !ok {
		p.errorAt(toks[1], "bad TTL %q: a number of seconds up to %d is needed, or units as in 1h30m", toks[1].text, maxTTL)
		ttl = 0 // whatever it was to be, the records behind it have one
	}
	p.ttl.directive, p.ttl.hasDirective = ttl, true
}

// include reads another file in place of the directive. It inherits the origin, unless one is given, and the last owner; both are
// here again as they were behind it.
func (p *parser) include(toks []token) {
	if !p.arguments(toks, 1, 2, "$INCLUDE FILE [ORIGIN]") {
		return
	}
	child := &source{origin: p.src.origin, owner: p.src.owner, ownerBad: p.src.ownerBad, depth: p.src.depth + 1}
	if len(toks) == 3 {
		origin, ok := p.originArgument(toks[2])
		if !ok {
			return
		}
		child.origin = origin
	}
	name, why := appendText(nil, toks[1].text)
	if why == "" && len(name) == 0 {
		why = string(faultEmpty)
	}
	if why != "" {
		p.errorAt(toks[1], "bad file name %q: %s", toks[1].text, why)
		return
	}
	child.path = string(name)
	relative := !filepath.IsAbs(child.path)
	if relative {
		child.path = filepath.Join(filepath.Dir(p.src.path), child.path)
	}
	if err := p.mayInclude(child); err != nil {
		p.errorAt(toks[1], "include %s: %s", child.path, err)
		return
	}
	data, err := p.read(child.path)
	if err != nil {
		hint := ""
		if relative && errors.Is(err, fs.ErrNotExist) {
			hint = "; a relative path starts where this file is" // and not in a directory that is configured, as for BIND
		}
		p.errorAt(toks[1], "include %s: %s%s", child.path, reason(err), hint)
		return
	}
	p.file(child, data, nil)
}

// mayInclude says why a file must not be included here.
func (p *parser) mayInclude(child *source) error {
	chain := child.path
	for s := p.src; s != nil; s = s.parent {
		chain = s.path + " -> " + chain
		if filepath.Clean(s.path) == filepath.Clean(child.path) {
			return errors.New("the file includes itself: " + chain)
		}
	}
	switch {
	case child.depth > maxDepth:
		return fmt.Errorf("files include each other more than %d deep", maxDepth)
	case p.sources >= maxFiles:
		return fmt.Errorf("more than %d files are included", maxFiles)
	case p.o.IncludeRoot != "":
		return p.withinRoot(child.path)
	}
	return nil
}

// withinRoot says why path is not below Options.IncludeRoot.
func (p *parser) withinRoot(path string) error {
	root, err := filepath.Abs(p.o.IncludeRoot)
	if err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if p.o.ReadFile == nil { // links matter only where the file system is what is read
		if root, err = filepath.EvalSymlinks(root); err != nil {
			return err
		}
		// A file that is not there is reported as such when it is read.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
	}
	rel, err := filepath.Rel(root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("it is outside of %s, where included files must be", p.o.IncludeRoot)
	}
	return nil
}

// reason is err without the operation and path that a *fs.PathError repeats.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
