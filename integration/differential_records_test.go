package integration

import (
	"bufio"
	be "encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// TestDifferentialRecords gives Knot, NSD and BIND the records of every type that the reader's own test has, right ones and wrong
// ones, each in a file of its own, and what mangrove reads in the form of RFC 3597 as well. What the three
// read to the same octets mangrove has to, and what they all refuse it has to refuse.
func TestDifferentialRecords(t *testing.T) {
	records := recordLines(t)
	all := []peerZone{sentinel}
	for i, record := range records {
		all = append(all, recordZone(fmt.Sprintf("r%d.records.test.", i), record))
	}
	mine := make([]wireRecord, len(all))
	for i, z := range all {
		mine[i] = recordOfMangrove(t, z)
	}
	// What is read has to be right in its generic form as well.
	for i, record := range records {
		if m := mine[i+1]; m.ok && m.typ != dns.TypeSOA && !strings.Contains(record, `\#`) {
			all = append(all, recordZone(fmt.Sprintf("g%d.records.test.", i), fmt.Sprintf(`TYPE%d \# %d %x`, m.typ, len(m.data)/2-1, unhex(t, m.data[2:]))))
			records = append(records, record+" as such")
			mine = append(mine, recordOfMangrove(t, all[len(all)-1]))
		}
	}
	files := writeZones(t, all)
	theirs := make(map[string][]wireRecord)
	for _, name := range comparedPeers {
		addr := startLenient(t, name, files, all)
		theirs[name] = transferOctets(addr, all, served(t, addr, all))
	}
	same, refused, unlike, excused := 0, 0, 0, 0
	for i, record := range records {
		m, knot, nsd, bind := mine[i+1], theirs["knot"][i+1], theirs["nsd"][i+1], theirs["bind"][i+1]
		if testing.Verbose() && (m.data != knot.data || m.data != nsd.data || m.data != bind.data) {
			t.Logf("%s\n\tmangrove %s %s\n\tknot     %s\n\tnsd      %s\n\tbind     %s", record, m.data, m.says, knot.data, nsd.data, bind.data)
		}
		switch {
		case knot.data != nsd.data || knot.data != bind.data:
			unlike++
		case m.data == knot.data && m.ok:
			same++
		case m.data == knot.data:
			refused++
		case excuseRecord(record) != "":
			excused++
		default:
			t.Errorf("%s\n\tmangrove    %q %s\n\tthe others  %q", record, m.data, m.says, knot.data)
		}
	}
	t.Logf("%d records: %d read alike, %d refused by all, %d not alike by the others, %d excused", len(records), same, refused, unlike, excused)
	if same < 500 || refused < 200 {
		t.Errorf("records are no longer what tells readers apart")
	}
}

// recordLines are the records of the reader's own test.
func recordLines(t *testing.T) (lines []string) {
	t.Helper()
	f, err := os.Open("../zones/zonefile/testdata/records.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); line != "" && line[0] != '#' && line[0] != '\t' {
			lines = append(lines, line)
		}
	}
	return lines
}

// recordZone is a zone with a record at x, or another SOA.
func recordZone(origin, record string) peerZone {
	soa, x := "SOA ns.out.example. h.out.example. 1 3600 600 86400 60", "x "+record+"\n"
	if strings.HasPrefix(record, "SOA ") {
		soa, x = record, ""
	}
	return peerZone{origin, "$TTL 300\n@ " + soa + "\n@ NS ns.out.example.\n" + x}
}

// wireRecord is what a reader makes of a record.
type wireRecord struct {
	ok   bool
	typ  uint16
	data string // "" for none, or = and hexadecimal digits
	says string
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// take keeps the record that a zone is about.
func (o *wireRecord) take(owner string, typ uint16, data []byte) {
	if strings.HasPrefix(owner, "x.") || typ == dns.TypeSOA && !o.ok {
		o.ok, o.typ, o.data = true, typ, "= "+hex.EncodeToString(data)
	}
}

func recordOfMangrove(t *testing.T, z peerZone) (o wireRecord) {
	t.Helper()
	r, err := zonefile.ParseBytes(strings.TrimSuffix(z.origin, ".")+".zone", []byte(z.text), zonefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Zone == nil {
		o.says = r.Problems[slices.IndexFunc(r.Problems, func(p zones.Problem) bool { return p.Severity == zones.Error })].Text
		return o
	}
	soa, _ := r.Zone.SOA()
	o.take("", dns.TypeSOA, soa.Data[0])
	for s := range r.Zone.RRsets() {
		o.take(s.Name.String(), s.Type, s.Data[0])
	}
	return o
}

// transferOctets transfers the zones that a server has.
func transferOctets(addr string, all []peerZone, has []bool) []wireRecord {
	out := make([]wireRecord, len(all))
	work := make(chan int)
	var wait sync.WaitGroup
	for range askers {
		wait.Go(func() {
			for i := range work {
				o, err := transferRecord(addr, all[i].origin)
				if err != nil {
					o.data = "?" + err.Error()
				}
				out[i] = o
			}
		})
	}
	for i := range all {
		if has[i] {
			work <- i
		}
	}
	close(work)
	wait.Wait()
	return out
}

// transferRecord transfers a zone, and takes its records apart by itself: the library knows better for some.
func transferRecord(addr, origin string) (o wireRecord, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return o, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return o, err
	}
	co := &dns.Conn{Conn: c}
	q := new(dns.Msg)
	q.SetAxfr(origin)
	if err := co.WriteMsg(q); err != nil {
		return o, err
	}
	for soas := 0; soas < 2; {
		msg, err := co.ReadMsgHeader(nil)
		if err != nil {
			return o, err
		}
		answers := be.BigEndian.Uint16(msg[6:])
		if msg[3]&15 != 0 || answers == 0 {
			return o, fmt.Errorf("%s", dns.RcodeToString[int(msg[3]&15)])
		}
		off := 12
		if be.BigEndian.Uint16(msg[4:]) > 0 {
			if _, off, err = dns.UnpackDomainName(msg, off); err != nil {
				return o, err
			}
			off += 4
		}
		for range answers {
			owner, at, err := dns.UnpackDomainName(msg, off)
			if err != nil || at+10 > len(msg) {
				return o, fmt.Errorf("bad message: %w", err)
			}
			typ, end := be.BigEndian.Uint16(msg[at:]), at+10+int(be.BigEndian.Uint16(msg[at+8:]))
			data := msg[at+10 : end]
			if mayBeCompressed(typ) {
				rr, _, err := dns.UnpackRR(msg, off)
				if err != nil {
					return o, err
				}
				if data, err = zones.Rdata(rr); err != nil {
					return o, err
				}
			}
			if typ == dns.TypeSOA {
				soas++
			}
			o.take(strings.ToLower(owner), typ, data)
			off = end
		}
	}
	return o, nil
}

// mayBeCompressed says which types' data may have names that are compressed (RFC 3597 4).
func mayBeCompressed(typ uint16) bool {
	switch typ {
	case dns.TypeNS, dns.TypeMD, dns.TypeMF, dns.TypeCNAME, dns.TypeSOA, dns.TypeMB, dns.TypeMG, dns.TypeMR, dns.TypePTR, dns.TypeMINFO, dns.TypeMX,
		dns.TypeRP, dns.TypeAFSDB, dns.TypeRT, dns.TypePX, dns.TypeSRV, dns.TypeNAPTR, dns.TypeKX, dns.TypeDNAME:
		return true
	}
	return false
}
