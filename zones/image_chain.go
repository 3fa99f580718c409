package zones

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/miekg/dns"
)

// chain verifies what stands behind the nodes: nothing, or the chain of proofs, which is made once more and compared.
func (v *verifier) chain() error {
	at := len(v.nodes)
	got := v.z.base[at:]
	denial, params := v.z.denialBy(v.find)
	if denial != v.z.denial {
		return fmt.Errorf("denial %d instead of %d", v.z.denial, denial)
	}
	if denial == Unsigned {
		if len(got) > 0 {
			return fmt.Errorf("%d octets too many", len(got))
		}
		return nil
	}
	c := v.chainOf(params)
	skip := at % treeAlignment // so that the tree is aligned as it is there
	want := make([]byte, skip+c.size(at))
	c.write(want, skip)
	if !bytes.Equal(got, want[skip:]) {
		return fmt.Errorf("the chain is not that of its nodes")
	}
	return nil
}

// find returns the node of a name, by looking at all of them: the index may not have been verified.
func (v *verifier) find(rel []byte) (found []byte) {
	_ = v.each(func(_ uint32, b []byte) error { // it returns no error
		if string(nodeName(b)) == string(rel) {
			found = b
		}
		return nil
	})
	return found
}

// chainOf makes the chain of the nodes.
func (v *verifier) chainOf(params hashParams) *chainBuilder {
	c := &chainBuilder{hash: params}
	c.name = func(i int) []byte { return nodeName(v.node(c.owners[i])) }
	var keys [2]nameKey
	_ = v.each(func(place uint32, b []byte) error { // it returns no error
		if !v.denies(b, params) {
			return nil
		}
		n := len(c.owners)
		key, last := &keys[n&1], &keys[(n+1)&1]
		*key = nameKey{}
		key.set(nodeName(b))
		common := 0
		for n > 0 && common < keyRoom && key[common] == last[common] {
			common++
		}
		c.owners, c.common = append(c.owners, place), append(c.common, uint16(common))
		return nil
	})
	if len(c.owners) > 0 {
		c.grow(0, len(c.owners))
	}
	return c
}

// denies says whether the name of a node is an owner of the chain.
func (v *verifier) denies(b []byte, params hashParams) bool {
	depth := byte(countLabels(nodeName(b)))
	if v.z.denial == NSEC {
		_, ok := nodeType(b, dns.TypeNSEC)
		return ok && (b[1] == 0 || b[0]&flagCut != 0 && b[1] == depth+1)
	}
	return isHashLabel(nodeName(b)) && params.ofNode(b)
}

// hashed verifies that what is prepared of NSEC3 records is what would be found.
func (v *verifier) hashed() error {
	if v.z.denial != NSEC3 {
		return nil
	}
	params := v.z.hashParams()
	return v.each(func(_ uint32, b []byte) error {
		if b[0]&flagHashed == 0 {
			return nil
		}
		var buf [maxName + 2]byte
		buf[0], buf[1] = 1, '*'
		rel := nodeName(b)
		wild := buf[:2+copy(buf[2:], rel)]
		at := nodeHeads(b) - 8
		if !v.isHashed(binary.LittleEndian.Uint32(b[at:]), params, rel) || !v.isHashed(binary.LittleEndian.Uint32(b[at+4:]), params, wild) {
			return fmt.Errorf("its NSEC3 record is elsewhere")
		}
		return nil
	})
}

// isHashed says whether place, where it is one, is that of the NSEC3 record of rel.
func (v *verifier) isHashed(place uint32, params hashParams, rel []byte) bool {
	if place == targetByName {
		return true
	}
	n, matches := v.z.hashed(params.hash(rel, v.z.origin.wire))
	return n != NoNode && place&^coversBit == uint32(n) && place&coversBit == 0 == matches
}
