package integration

import (
	be "encoding/binary"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// question is one packet to be asked, and how.
type question struct {
	wire    []byte
	network string
}

func newQuestion(t testing.TB, m *dns.Msg, network string) question {
	t.Helper()
	wire, err := m.Pack()
	if err != nil {
		t.Fatalf("%v: %v", m, err)
	}
	return question{wire, network}
}

const (
	askers   = 4  // sockets
	inFlight = 48 // questions on each
	askTries = 6
)

// askAll asks everything of one server, many questions at once, and returns the answers. nil where there is none after
// several tries, or where the server has fallen silent before: that is logged.
func askAll(t testing.TB, addr string, questions []question) [][]byte {
	t.Helper()
	answers := make([][]byte, len(questions))
	// parts of inFlight questions of one transport
	var parts [][]int
	for _, network := range []string{"udp", "tcp"} {
		var part []int
		for i, q := range questions {
			if q.network != network {
				continue
			}
			if part = append(part, i); len(part) == inFlight {
				parts, part = append(parts, part), nil
			}
		}
		if len(part) > 0 {
			parts = append(parts, part)
		}
	}
	work := make(chan []int)
	var gone atomic.Bool
	var wait sync.WaitGroup
	for range askers {
		wait.Go(func() {
			a := asker{addr: addr, silence: silence, gone: &gone}
			defer a.close()
			for part := range work {
				a.ask(questions, answers, part)
			}
		})
	}
	for _, part := range parts {
		work <- part
	}
	close(work)
	wait.Wait()
	if gone.Load() {
		t.Logf("the server at %s answers nothing any more", addr)
	}
	return answers
}

// asker asks with one UDP socket and one TCP connection.
type asker struct {
	addr     string
	udp, tcp net.Conn
	buffer   [1 << 16]byte
	out      []byte
	silence  time.Duration
	silent   int          // times in a row that nothing was answered in time
	gone     *atomic.Bool // the server has fallen silent; of all who ask it
}

func (a *asker) close() {
	for _, c := range []net.Conn{a.udp, a.tcp} {
		if c != nil {
			c.Close()
		}
	}
}

// ask asks the questions of part, which have one transport, until all are answered.
func (a *asker) ask(questions []question, answers [][]byte, part []int) {
	for try := range askTries {
		var open []int
		for _, i := range part {
			if answers[i] == nil {
				open = append(open, i)
			}
		}
		if len(open) == 0 || a.gone.Load() {
			return
		}
		if try > 1 { // one that breaks the connection must not hide the answers of others
			for _, i := range open {
				a.some(questions, answers, []int{i})
				if a.gone.Load() {
					return
				}
			}
			continue
		}
		a.some(questions, answers, open)
	}
}

// silences is after how many times in a row without any answer a server is given up. One that turns in circles (Knot 3.2 does, for some
// zones) would be asked for hours else.
const silences = 8

// some asks once.
func (a *asker) some(questions []question, answers [][]byte, part []int) {
	var err error
	if questions[part[0]].network == "udp" {
		err = a.overUDP(questions, answers, part)
	} else if err = a.overTCP(questions, answers, part); err != nil && a.tcp != nil {
		a.tcp.Close()
		a.tcp = nil
	}
	answered := slices.ContainsFunc(part, func(i int) bool { return answers[i] != nil })
	if answered || !errors.Is(err, os.ErrDeadlineExceeded) {
		a.silent = 0
	} else if a.silent++; a.silent == silences {
		a.gone.Store(true)
	}
}

// silence is how long an answer may take before it is asked for again.
const silence = 5 * time.Second

func (a *asker) overUDP(questions []question, answers [][]byte, part []int) error {
	// A socket of its own for each part: late answers to an earlier one are not heard.
	var err error
	if a.udp != nil {
		a.udp.Close()
	}
	if a.udp, err = net.Dial("udp", a.addr); err != nil {
		return err
	}
	for at, i := range part {
		a.out = append(a.out[:0], questions[i].wire...)
		be.BigEndian.PutUint16(a.out, uint16(at))
		if _, err := a.udp.Write(a.out); err != nil {
			return err
		}
	}
	for range part {
		answer, err := receive(a.udp, a.buffer[:], a.silence)
		if err != nil {
			return err
		}
		if err := take(answers, part, answer); err != nil {
			return err
		}
	}
	return nil
}

func (a *asker) overTCP(questions []question, answers [][]byte, part []int) error {
	var err error
	if a.tcp == nil {
		if a.tcp, err = net.Dial("tcp", a.addr); err != nil {
			return err
		}
	}
	a.out = a.out[:0]
	for at, i := range part {
		start := len(a.out) + 2
		a.out = frame(a.out, questions[i].wire)
		be.BigEndian.PutUint16(a.out[start:], uint16(at))
	}
	if _, err := a.tcp.Write(a.out); err != nil {
		return err
	}
	for range part {
		answer, err := receive(a.tcp, nil, a.silence)
		if err != nil {
			return err
		}
		if err := take(answers, part, answer); err != nil {
			return err
		}
	}
	return nil
}

// take keeps an answer.
func take(answers [][]byte, part []int, answer []byte) error {
	if len(answer) < 2 {
		return errors.New("an answer without ID")
	}
	at := int(be.BigEndian.Uint16(answer))
	if at >= len(part) {
		return errors.New("an answer with an ID that nobody asked with")
	}
	answers[part[at]] = append([]byte(nil), answer...)
	return nil
}

// TestSilentServer: who answers once and then no more is given up, and is not asked for everything that is left.
func TestSilentServer(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan int, 1)
	go func() {
		defer close(heard)
		n := 0
		for buf := make([]byte, 512); ; n++ {
			size, from, err := pc.ReadFrom(buf)
			if err != nil {
				heard <- n
				return
			}
			if n == 0 {
				_, _ = pc.WriteTo(buf[:size], from)
			}
		}
	}()
	questions := slices.Repeat([]question{newQuestion(t, query("example.", dns.TypeA), "udp")}, 10)
	answers, part := make([][]byte, len(questions)), []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	a := asker{addr: pc.LocalAddr().String(), silence: time.Millisecond, gone: new(atomic.Bool)}
	for range 3 {
		a.ask(questions, answers, part)
	}
	a.close()
	pc.Close()
	// Some may come too late, or not be read before the end.
	if n := <-heard; !a.gone.Load() || n > 10+9+silences {
		t.Errorf("%d questions were heard, given up: %v, want %d at most", n, a.gone.Load(), 10+9+silences)
	}
}
