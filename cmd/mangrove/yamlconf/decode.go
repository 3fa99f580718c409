package yamlconf

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/mangrove-dns/mangrove/zones"
)

// Shorthand is a struct that may be written as a scalar: `www: https` for `www: {check: https}`. SetShorthand returns the key that
// the scalar stands for, check here, also with an error.
type Shorthand interface {
	SetShorthand(text string) (key string, err error)
}

// Variant is a struct whose key "type" says which other keys there are: Variant returns the pointer to a struct that
// the rest of the mapping is read into, or an error that names the kinds there are.
type Variant interface {
	Variant(kind string) (any, error)
}

// Origins tells where each value stands: "health.www.check" -> its position. Elements of lists are "listen[0]".
type Origins map[string]zones.Pos

// At returns where path stands, or the nearest part of the file that holds it.
func (o Origins) At(path string) zones.Pos {
	for path != "" {
		if pos, ok := o[path]; ok {
			return pos
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return o[""]
}

// Decode reads src into v, a pointer to a struct. Values that src does not name stay as they are, so v may hold
// defaults. It always returns the origins of what it could read; v is only to be used where there is no problem.
func Decode(file string, src []byte, v any) (Origins, []zones.Problem) {
	d := &decoder{file: file, origins: Origins{"": {File: file}}, anchors: map[string]ast.Node{}}
	f, err := parse(src)
	if err != nil {
		d.syntax(err, src)
		return d.origins, d.problems
	}
	docs := slices.DeleteFunc(f.Docs, func(doc *ast.DocumentNode) bool { return doc.Body == nil })
	if len(docs) > 1 {
		d.problem(docs[1].Body, "a second YAML document; a configuration file holds one")
	}
	if len(docs) > 0 {
		if _, empty := docs[0].Body.(*ast.NullNode); !empty {
			d.value(docs[0].Body, reflect.ValueOf(v).Elem(), "")
		}
	}
	return d.origins, d.problems
}

// parse keeps a panic of the parser, which reads what anybody wrote, from ending the process.
func parse(src []byte) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, fmt.Errorf("the text can't be read as YAML (%v)", r)
		}
	}()
	return parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
}

type decoder struct {
	file     string
	origins  Origins
	problems []zones.Problem
	anchors  map[string]ast.Node
	depth    int
}

func (d *decoder) pos(n ast.Node) zones.Pos {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key // the mapping's own token is its first colon
	}
	p := n.GetToken().Position
	return zones.Pos{File: d.file, Line: p.Line, Col: p.Column}
}

func (d *decoder) problem(n ast.Node, format string, args ...any) {
	d.problems = append(d.problems, zones.Problem{Pos: d.pos(n), Severity: zones.Error, Text: fmt.Sprintf(format, args...)})
}

// syntax reports what the parser could not read, with a hint for the two owner names that YAML needs quoted.
func (d *decoder) syntax(err error, src []byte) {
	var se *yaml.SyntaxError
	if !errors.As(err, &se) || se.Token == nil {
		d.problems = append(d.problems, zones.Problem{Pos: zones.Pos{File: d.file}, Severity: zones.Error, Text: "YAML: " + err.Error()})
		return
	}
	pos := zones.Pos{File: d.file, Line: se.Token.Position.Line, Col: se.Token.Position.Column}
	text := "YAML: " + se.Message
	if lines := strings.Split(string(src), "\n"); pos.Line >= 1 && pos.Line <= len(lines) {
		switch line := strings.TrimSpace(lines[pos.Line-1]); {
		case strings.HasPrefix(line, "@"):
			text += `; write "@" with quotes, or apex`
		case strings.HasPrefix(line, "*"):
			text += `; write "*" with quotes`
		}
	}
	d.problems = append(d.problems, zones.Problem{Pos: pos, Severity: zones.Error, Text: text})
}

// value sets v from n; path is where it stands.
func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	if d.depth++; d.depth > 64 {
		d.problem(n, "nested too deeply")
		d.depth--
		return
	}
	defer func() { d.depth-- }()
	n, ok := d.resolve(n)
	if !ok {
		return
	}
	d.origins[path] = d.pos(n)
	if _, null := n.(*ast.NullNode); null {
		d.problem(n, "%s has no value; give it one or leave the key out", label(path))
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if text, scalar := scalarText(n); scalar {
		if s, ok := v.Addr().Interface().(Shorthand); ok {
			key, err := s.SetShorthand(text)
			d.origins[join(path, key)] = d.pos(n)
			d.report(n, path, err)
			return
		}
		if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
			d.report(n, path, t.UnmarshalText([]byte(text)))
			return
		}
	} else if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.problem(n, "%s wants a single value, not a %s", label(path), kindOf(n))
		return
	}
	if w, ok := v.Addr().Interface().(Variant); ok {
		d.variant(n, w, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.fields(n, v, path)
	case reflect.Map:
		d.entries(n, v, path)
	case reflect.Slice:
		d.elements(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) report(n ast.Node, path string, err error) {
	if err != nil {
		d.problem(n, "%s: %v", label(path), err)
	}
}

// resolve follows anchors and aliases.
func (d *decoder) resolve(n ast.Node) (ast.Node, bool) {
	for range 64 {
		switch t := n.(type) {
		case *ast.AnchorNode:
			d.anchors[t.Name.GetToken().Value] = t.Value
			n = t.Value
		case *ast.AliasNode:
			target, ok := d.anchors[t.Value.GetToken().Value]
			if !ok {
				d.problem(n, "alias %q has no anchor before it (a plain * must stand in quotes)", t.Value.GetToken().Value)
				return nil, false
			}
			n = target
		case *ast.TagNode:
			d.problem(n, "tag %s is not used here; leave it out", t.GetToken().Value)
			return nil, false
		default:
			return n, true
		}
	}
	d.problem(n, "alias that leads back to itself")
	return nil, false
}

// pairs returns the keys and values of a mapping, each key once.
func (d *decoder) pairs(n ast.Node, path string) (keys []string, nodes map[string]*ast.MappingValueNode, ok bool) {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		d.problem(n, "%s wants keys and values, not a %s", label(path), kindOf(n))
		return nil, nil, false
	}
	nodes = map[string]*ast.MappingValueNode{}
	for _, mv := range values {
		key, scalar := scalarText(mv.Key)
		if _, merge := mv.Key.(*ast.MergeKeyNode); merge || !scalar {
			d.problem(mv.Key, "a key must be a plain word here; merge keys are not used")
			continue
		}
		if first, twice := nodes[key]; twice {
			d.problem(mv.Key, "%s stands twice, first in line %d", key, first.Key.GetToken().Position.Line)
			continue
		}
		nodes[key] = mv
		keys = append(keys, key)
	}
	return keys, nodes, true
}

// variant reads the kind first, wherever in the mapping it stands, then the keys of that kind.
func (d *decoder) variant(n ast.Node, w Variant, path string) {
	keys, nodes, ok := d.pairs(n, path)
	if !ok {
		return
	}
	kind, ok := nodes["type"]
	if !ok {
		d.problem(n, "%s has no type", label(path))
		return
	}
	text, scalar := scalarText(kind.Value)
	if !scalar {
		d.problem(kind.Value, "%s wants a single value, not a %s", join(path, "type"), kindOf(kind.Value))
		return
	}
	d.origins[join(path, "type")] = d.pos(kind.Value)
	target, err := w.Variant(text)
	if err != nil {
		d.problem(kind.Value, "%s: %v", join(path, "type"), err)
		return
	}
	keys = slices.DeleteFunc(keys, func(k string) bool { return k == "type" })
	d.keys(keys, nodes, reflect.ValueOf(target).Elem(), path)
}

func (d *decoder) fields(n ast.Node, v reflect.Value, path string) {
	if keys, nodes, ok := d.pairs(n, path); ok {
		d.keys(keys, nodes, v, path)
	}
}

func (d *decoder) keys(keys []string, nodes map[string]*ast.MappingValueNode, v reflect.Value, path string) {
	index := fieldIndex(v.Type())
	for _, key := range keys {
		i, known := index[key]
		if !known {
			d.problem(nodes[key].Key, "%s", unknownKey(key, path, slices.Sorted(maps.Keys(index))))
			continue
		}
		d.value(nodes[key].Value, v.FieldByIndex(i), join(path, key))
	}
}

// fieldIndex maps the YAML names of a struct's fields, those of embedded structs included.
func fieldIndex(t reflect.Type) map[string][]int {
	index := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && name != "-" {
			index[name] = f.Index
		}
	}
	return index
}

func (d *decoder) entries(n ast.Node, v reflect.Value, path string) {
	keys, nodes, ok := d.pairs(n, path)
	if !ok {
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, key := range keys {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(nodes[key].Value, elem, join(path, key))
		d.origins[join(path, key)] = d.pos(nodes[key].Key)
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), elem)
	}
}

func (d *decoder) elements(n ast.Node, v reflect.Value, path string) {
	nodes := []ast.Node{n}
	if seq, ok := n.(*ast.SequenceNode); ok {
		nodes = seq.Values
	}
	out := reflect.MakeSlice(v.Type(), len(nodes), len(nodes))
	for i, e := range nodes {
		d.value(e, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	d.origins[path] = d.pos(n)
	v.Set(out)
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	text, ok := scalarText(n)
	if !ok {
		d.problem(n, "%s wants a single value, not a %s", label(path), kindOf(n))
		return
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		dur, err := time.ParseDuration(text)
		if err != nil || dur < 0 {
			d.problem(n, "%s: %q is not a duration such as 10s, 500ms or 2m", label(path), text)
			return
		}
		v.SetInt(int64(dur))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			d.problem(n, "%s: %q is neither true nor false", label(path), text)
			return
		}
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int64, reflect.Int32:
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			d.problem(n, "%s: %q is not a whole number", label(path), text)
			return
		}
		v.SetInt(i)
	case reflect.Uint16, reflect.Uint32, reflect.Uint, reflect.Uint64:
		u, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			d.problem(n, "%s: %q is not a whole number between 0 and %d", label(path), text, uint64(1)<<(v.Type().Bits()-1)*2-1)
			return
		}
		v.SetUint(u)
	default:
		panic(fmt.Sprintf("yamlconf: field %s of type %s can't be read from YAML", path, v.Type()))
	}
}

// scalarText returns the text of a scalar as it was written, quotes and escapes undone.
func scalarText(n ast.Node) (string, bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return t.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "set of keys"
	case *ast.SequenceNode:
		return "list"
	}
	return "single value"
}

func label(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
