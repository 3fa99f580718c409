package zonefile

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
)

// The parameters of SVCB and HTTPS records (RFC 9460 2.1 and appendix A).

const (
	keyMandatory     = 0
	keyALPN          = 1
	keyNoDefaultALPN = 2
	keyPort          = 3
	keyIPv4Hint      = 4
	keyECH           = 5
	keyIPv6Hint      = 6
	keyDoHPath       = 7 // RFC 9461
	keyOHTTP         = 8 // RFC 9540
)

var paramNames = [...]string{"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp"}

// param is one of them in wire form.
type param struct {
	key   uint16
	value []byte
	at    int // the word that it stands in
}

// paramKey reads a key: its name, or key and its number, without leading zeros.
func paramKey(text []byte) (key uint16, generic, ok bool) {
	if i := slices.Index(paramNames[:], string(text)); i >= 0 {
		return uint16(i), false, true
	}
	digits, ok := bytes.CutPrefix(text, []byte("key"))
	n, isNumber := parseUint(digits, 65535)
	return uint16(n), true, ok && isNumber && (len(digits) == 1 || digits[0] != '0')
}

// appendParams appends parameters in the order of their keys.
func (p *parser) appendParams(dst []byte, toks []token) (_ []byte, n int, why string) {
	var params []param
	for n = 0; n < len(toks); {
		if toks[n].quoted {
			return dst, n, "a parameter is written key=value, with quotes around the value alone"
		}
		name, text, hasValue := bytes.Cut(toks[n].text, []byte("="))
		next := n + 1
		if hasValue && len(text) == 0 && next < len(toks) && toks[next].joined && toks[next].quoted {
			text = toks[next].text // key="value"
			next++
		}
		if next < len(toks) && toks[next].joined {
			return dst, next, "a parameter ends before this: there is a blank missing, or a quote too much"
		}
		key, generic, ok := paramKey(name)
		if !ok {
			return dst, n, "there are the parameters " + joined(paramNames[:]) + ", and others are written keyNNNNN"
		}
		if i := slices.IndexFunc(params, func(q param) bool { return q.key == key }); i >= 0 {
			return dst, n, fmt.Sprintf("the parameter %s stands twice", keyName(key))
		}
		value, why := paramValue(key, generic, text)
		if why != "" {
			return dst, n, why
		}
		params = append(params, param{key, value, n})
		n = next
	}
	slices.SortFunc(params, func(a, b param) int { return int(a.key) - int(b.key) })
	for _, q := range params {
		if why := paramFault(q.key, q.value); why != "" {
			return dst, q.at, why
		}
		if q.key == keyMandatory {
			if why := mandatoryFault(q.value, params); why != "" {
				return dst, q.at, why
			}
		}
		if q.key == keyNoDefaultALPN && !slices.ContainsFunc(params, func(r param) bool { return r.key == keyALPN }) {
			p.warnAt(toks[q.at], "no-default-alpn stands without alpn, so there is no protocol left: clients ignore the record (RFC 9460 7.1.1)")
		}
		dst = binary.BigEndian.AppendUint16(dst, q.key)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(q.value)))
		dst = append(dst, q.value...)
	}
	return dst, n, ""
}

// joined lists words for a message.
func joined(words []string) string {
	out := words[0]
	for _, w := range words[1 : len(words)-1] {
		out += ", " + w
	}
	return out + " and " + words[len(words)-1]
}

func keyName(key uint16) string {
	if int(key) < len(paramNames) {
		return paramNames[key]
	}
	return "key" + strconv.Itoa(int(key))
}

// paramValue reads a value: in the form of its key, or as plain octets where the key is generic.
func paramValue(key uint16, generic bool, text []byte) (value []byte, why string) {
	value, why = appendText(nil, text)
	if why != "" {
		return nil, why
	}
	if len(value) > maxRdata {
		return nil, "it is too long"
	}
	if generic {
		return value, ""
	}
	switch key {
	case keyNoDefaultALPN, keyOHTTP:
		if len(value) > 0 {
			return nil, "this parameter has no value"
		}
		return nil, ""
	}
	if len(value) == 0 {
		return nil, "it has no value"
	}
	if key == keyDoHPath {
		return value, ""
	}
	if key == keyPort {
		n, ok := parseUint(value, 65535)
		return binary.BigEndian.AppendUint16(nil, uint16(n)), numberFault(ok, "65535")
	}
	if key == keyECH {
		ech, err := base64.StdEncoding.Strict().AppendDecode(nil, value)
		if err != nil {
			return nil, "base64 is needed"
		}
		return ech, ""
	}
	return paramList(key, value)
}

// paramList reads a list with commas.
func paramList(key uint16, text []byte) (value []byte, why string) {
	var mandatory []uint16
	for _, item := range listItems(text) {
		switch {
		case len(item) == 0:
			return nil, "an item of its list is empty"
		case key == keyALPN && len(item) > 255:
			return nil, "a protocol has more than 255 octets"
		case key == keyALPN:
			value = append(append(value, byte(len(item))), item...)
		case key == keyIPv4Hint:
			if value, why = appendIPv4(value, item); why != "" {
				return nil, "IPv4 addresses with commas between are needed: " + why
			}
		case key == keyIPv6Hint:
			if value, why = appendIPv6(value, item); why != "" {
				return nil, "IPv6 addresses with commas between are needed"
			}
		default:
			k, _, ok := paramKey(item)
			if !ok {
				return nil, fmt.Sprintf("there is no parameter %q", item)
			}
			mandatory = append(mandatory, k)
		}
	}
	slices.Sort(mandatory)
	for _, k := range mandatory {
		value = binary.BigEndian.AppendUint16(value, k)
	}
	return value, ""
}

// listItems splits a list at its commas; \, and \\ stand for themselves (RFC 9460 A.1).
func listItems(text []byte) (items [][]byte) {
	item := []byte{}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == ',' || text[i+1] == '\\'):
			i++
			item = append(item, text[i])
		case c == ',':
			items = append(items, item)
			item = []byte{}
		default:
			item = append(item, c)
		}
	}
	return append(items, item)
}

// paramFault says what is wrong with a value in wire form.
func paramFault(key uint16, value []byte) string {
	switch key {
	case keyMandatory:
		if len(value) == 0 || len(value)%2 != 0 {
			return "mandatory is a list of keys"
		}
	case keyALPN:
		for rest := value; ; {
			if len(rest) == 0 || rest[0] == 0 || int(rest[0]) > len(rest)-1 {
				return "alpn is a list of protocols, each with its length"
			}
			if rest = rest[1+int(rest[0]):]; len(rest) == 0 {
				return ""
			}
		}
	case keyNoDefaultALPN, keyOHTTP:
		if len(value) != 0 {
			return keyName(key) + " has no value"
		}
	case keyPort:
		if len(value) != 2 {
			return "port has two octets"
		}
	case keyIPv4Hint:
		if len(value) == 0 || len(value)%4 != 0 {
			return "ipv4hint has addresses of four octets"
		}
	case keyECH:
		if len(value) == 0 {
			return "ech has no value"
		}
	case keyIPv6Hint:
		if len(value) == 0 || len(value)%16 != 0 {
			return "ipv6hint has addresses of 16 octets"
		}
	}
	return ""
}

// mandatoryFault says what is wrong with a list of keys that must be there (RFC 9460 8).
func mandatoryFault(value []byte, params []param) string {
	last := -1
	for ; len(value) >= 2; value = value[2:] {
		key := binary.BigEndian.Uint16(value)
		switch {
		case key == keyMandatory:
			return "mandatory must not list itself"
		case int(key) == last:
			return fmt.Sprintf("mandatory lists %s twice", keyName(key))
		case int(key) < last:
			return "mandatory lists its keys out of order"
		case !slices.ContainsFunc(params, func(q param) bool { return q.key == key }):
			return fmt.Sprintf("mandatory lists %s, which is not among the parameters", keyName(key))
		}
		last = int(key)
	}
	return ""
}

// paramsFault says what is wrong with parameters in wire form.
func paramsFault(wire []byte) string {
	var params []param
	for len(wire) > 0 {
		if len(wire) < 4 || len(wire) < 4+int(binary.BigEndian.Uint16(wire[2:])) {
			return "its parameters are cut off"
		}
		key, length := binary.BigEndian.Uint16(wire), int(binary.BigEndian.Uint16(wire[2:]))
		if n := len(params); n > 0 && key <= params[n-1].key {
			return "its parameters are out of order, or one stands twice"
		}
		params = append(params, param{key: key, value: wire[4 : 4+length]})
		if why := paramFault(key, wire[4:4+length]); why != "" {
			return why
		}
		wire = wire[4+length:]
	}
	if len(params) > 0 && params[0].key == keyMandatory {
		return mandatoryFault(params[0].value, params)
	}
	return ""
}
