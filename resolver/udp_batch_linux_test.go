package resolver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/mangrove-dns/mangrove/zones"
)

// driven is a batchWorker whose loop the test turns by hand, and a client of it.
type driven struct {
	*batchWorker
	client *net.UDPConn
}

func drive(t *testing.T, listen string, o Options) driven {
	t.Helper()
	if err := canBatch(); err != nil {
		t.Skip(err)
	}
	o.Log = slog.New(slog.DiscardHandler)
	if o.Catalog == nil {
		cat := headerCatalog(t)
		o.Catalog = func() *zones.Catalog { return cat }
	}
	addr := netip.MustParseAddrPort(listen)
	w, err := newBatchWorker(New(o), addr, addr.Addr().IsUnspecified())
	if err != nil {
		t.Fatal(err)
	}
	u := w.(*batchWorker)
	t.Cleanup(u.close)
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), portOf(t, u))
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return driven{u, conn}
}

func portOf(t *testing.T, u *batchWorker) (port uint16) {
	t.Helper()
	if err := u.conn.Control(func(fd uintptr) {
		sa, err := unix.Getsockname(int(fd))
		if err != nil {
			t.Fatal(err)
		}
		port = uint16(sa.(*unix.SockaddrInet4).Port)
	}); err != nil {
		t.Fatal(err)
	}
	return port
}

// turn has all datagrams that were sent answered as one batch, with whatever spoil does to it in between, and returns how
// many replies could not be sent.
func (d driven) turn(t *testing.T, want int, spoil func()) (unsent int) {
	t.Helper()
	if err := d.conn.Control(func(fd uintptr) {
		if err := d.batch.receive(fd); err != nil || d.batch.received != want {
			t.Fatalf("received %d datagrams, want %d: %v", d.batch.received, want, err)
		}
		if spoil != nil {
			spoil()
		}
		d.work(t.Context())
		d.tally.flush(&d.counters)
		unsent = d.batch.send(fd)
	}); err != nil {
		t.Fatal(err)
	}
	return unsent
}

// answers returns the IDs and codes of n answers.
func (d driven) answers(t *testing.T, n int) map[uint16]string {
	t.Helper()
	out := make(map[uint16]string)
	buf := make([]byte, maxDatagram)
	if err := d.client.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for range n {
		got, err := d.client.Read(buf)
		if err != nil {
			t.Fatalf("after %v: %v", out, err)
		}
		m := new(dns.Msg)
		if err := m.Unpack(buf[:got]); err != nil {
			t.Fatal(err)
		}
		out[m.Id] = rcodeString(m.Rcode)
	}
	return out
}

// numbered returns the question's message with an ID.
func numbered(t *testing.T, question string, id uint16) []byte {
	t.Helper()
	q := parseQuery(t, question)
	q.msg.Id = id
	return pack(t, q.msg)
}

// Whatever stands between them, all questions of a batch are answered: what is not answered leaves no hole, and what
// cannot be sent holds up nothing.
func TestBatchGoesOnBehindTheOdd(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		t.Run(listen, func(t *testing.T) {
			rare := make(chan struct{})
			d := drive(t, listen, Options{Rare: func(context.Context, Request, func([]byte) error) bool {
				<-rare
				return false
			}})
			response := numbered(t, "ns.example. A", 2)
			response[2] |= 0x80
			update := new(dns.Msg)
			update.SetUpdate("example.")
			update.Id = 3
			malformed := numbered(t, "ns.example. A", 4)
			malformed[5] = 7
			long := func(id uint16, octets int) []byte {
				return append(numbered(t, "ns.example. A", id), make([]byte, octets)...)[:octets]
			}
			sent := [][]byte{
				numbered(t, "ns.example. A", 1), response, pack(t, update), malformed, {}, {1}, long(10, 3*maxDatagram), long(11, maxDatagram+1),
				numbered(t, "ns.example. A", 5), numbered(t, "ns.example. A", 6), numbered(t, "missing.example. A", 7),
				numbered(t, "ns.example. A", 8), numbered(t, "elsewhere. A", 9),
			}
			for _, b := range sent {
				if _, err := d.client.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			unsent := d.turn(t, len(sent), func() {
				d.batch.from[8][sockaddrPort], d.batch.from[8][sockaddrPort+1] = 0, 0 // ID 5: nobody can be answered at port 0
			})
			if unsent != 0 {
				t.Errorf("%d unsent", unsent)
			}
			want := map[uint16]string{1: "NOERROR", 4: "FORMERR", 6: "NOERROR", 7: "NXDOMAIN", 8: "NOERROR", 9: "REFUSED", 10: "FORMERR", 11: "FORMERR"}
			if diff := cmp.Diff(want, d.answers(t, len(want))); diff != "" {
				t.Errorf("answers (-want +got)\n%s", diff)
			}
			close(rare)
			d.server.rareWork.Wait()
			if diff := cmp.Diff(map[uint16]string{3: "NOTIMP"}, d.answers(t, 1)); diff != "" {
				t.Errorf("rare (-want +got)\n%s", diff)
			}
			var got Traffic
			got.add(&d.counters)
			wanted := Traffic{Queries: uint64(len(sent)), Dropped: 4}
			wanted.Responses[dns.RcodeSuccess], wanted.Responses[dns.RcodeNameError] = 3, 1
			wanted.Responses[dns.RcodeFormatError], wanted.Responses[dns.RcodeRefused], wanted.Responses[dns.RcodeNotImplemented] = 3, 1, 1
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Errorf("counters (-want +got)\n%s", diff)
			}
		})
	}
}

// sendmmsg stops at what it cannot send, wherever in the batch that is.
func TestUndeliverableAnswers(t *testing.T) {
	for _, odd := range [][]int{{0}, {1, 2}, {4}, {0, 2, 4}, {0, 1, 2, 3, 4}} {
		d := drive(t, "127.0.0.1:0", Options{})
		want := map[uint16]string{}
		for i := range 5 {
			if _, err := d.client.Write(numbered(t, "ns.example. A", uint16(i))); err != nil {
				t.Fatal(err)
			}
			want[uint16(i)] = "NOERROR"
		}
		if err := d.conn.Control(func(fd uintptr) {
			if err := d.batch.receive(fd); err != nil {
				t.Fatal(err)
			}
			d.work(t.Context())
			for _, i := range odd {
				d.batch.out[i].Namelen = 1 // no address at all
				delete(want, uint16(i))
			}
			if got := d.batch.send(fd); got != len(odd) {
				t.Errorf("%v: %d unsent", odd, got)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, d.answers(t, len(want))); diff != "" {
			t.Errorf("%v (-want +got)\n%s", odd, diff)
		}
	}
}

// A panic costs one datagram of a batch its answer; one before there is a catalog costs them all theirs, once.
func TestPanicInABatch(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(d driven)
		want  map[uint16]string
	}{
		{"answering", func(d driven) { d.worker.res.answers = 1000 }, map[uint16]string{0: "SERVFAIL", 1: "NOERROR", 2: "NOERROR"}},
		{"catalog", func(d driven) { d.server.opts.Catalog = func() *zones.Catalog { panic("no catalog") } },
			map[uint16]string{0: "SERVFAIL", 1: "SERVFAIL", 2: "SERVFAIL"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := drive(t, "127.0.0.1:0", Options{})
			for i := range 3 {
				if _, err := d.client.Write(numbered(t, "ns.example. MX", uint16(i))); err != nil {
					t.Fatal(err)
				}
			}
			d.turn(t, 3, func() { c.spoil(d) })
			if diff := cmp.Diff(c.want, d.answers(t, 3)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			var got Traffic
			if got.add(&d.counters); got.Panics != 1 || got.Queries != 3 {
				t.Errorf("counters %+v", got)
			}
		})
	}
}

// Who closes a server that runs ends it, with an error; a datagram under way is no hindrance.
func TestCloseWakes(t *testing.T) {
	d := drive(t, "127.0.0.1:0", Options{})
	done := make(chan error, 1)
	go func() { done <- d.run(t.Context()) }()
	if _, err := d.client.Write(numbered(t, "ns.example. A", 1)); err != nil {
		t.Fatal(err)
	}
	d.answers(t, 1)
	d.close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
