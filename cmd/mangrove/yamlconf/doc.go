// Package yamlconf reads YAML into Go values strictly: every key that no field has, every value of
// the wrong kind and every key that stands twice is a problem with its file:line:col, all of them are reported, and
// where each value came from is kept. It knows nothing of what the values mean.
//
// The text is parsed by goccy/go-yaml; its own decoding stops at the first problem and forgets
// positions, so the walk from nodes to values is here.
//
// A field takes part by its `yaml:"name"` tag. Beside the kinds that Go has, a type may
// implement encoding.TextUnmarshaler (it is then written as a scalar) or, for a value that has a short form,
// Shorthand (a scalar, else the fields of the struct). A list of one may be written as its element.
package yamlconf
