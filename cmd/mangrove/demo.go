package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

	"github.com/mangrove-dns/mangrove/cmd/mangrove/demodns"
	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

func (c *cli) demoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See the whole job on loopback: answer, mirror, a target dies, withdraw, restore",
		Long: `Demo starts three web servers, another company's name server, and Mangrove with one zone, all on loopback and in a temporary
directory. It kills a web server and shows how its address leaves every answer, revives it, and then does it again while
the other company's API is dark. Each step is checked; it exits 1 when one does not happen. Then it stays up to be tried.`,
		Example: `  mangrove demo
  mangrove demo --once`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "mangrove-demo-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			d := &demo{cli: c, dir: dir, start: time.Now(), once: once}
			err = d.run(cmd.Context())
			if err != nil && cmd.Context().Err() != nil {
				return nil // interrupted: that is how it is left
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the story instead of staying up")
	return cmd
}

const (
	demoZone = "example.com"
	demoKey  = "demo-key"
	// demoSecret protects a name server that lives on loopback for the time of the demo.
	demoSecret = "bWFuZ3JvdmUtZGVtby1vbmx5LW9uLWxvb3BiYWNr"
	// demoPatience is how long a step may take before the demo says that it does not happen.
	demoPatience = time.Minute
)

// demo tells the story, and checks it while it is told.
type demo struct {
	*cli
	dir   string
	start time.Time
	once  bool

	targets []*demoTarget
	other   *demodns.Server
	otherAt string // its address
	app     *app
	ownAt   string
}

// run sets the stage, plays both acts, and tears everything down.
func (d *demo) run(ctx context.Context) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := d.startTargets(); err != nil {
		return err
	}
	defer d.stopTargets()
	d.other = demodns.New(demoZone, demoKey, demoSecret)
	addr, serveOther, err := d.other.Listen()
	if err != nil {
		return err
	}
	d.otherAt = addr
	cfg, err := d.writeFiles()
	if err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(d.dir, "mangrove.log"))
	if err != nil {
		return err
	}
	defer logFile.Close()

	ready := make(chan *app, 1)
	actors := startStage(ctx, stop, serveOther)
	defer func() { err = errors.Join(err, actors.end()) }()
	server := startStage(ctx, stop, func(ctx context.Context) error {
		return serve(ctx, cfg, slog.New(slog.NewTextHandler(logFile, nil)), nil, func(a *app) { ready <- a })
	})
	defer func() { err = errors.Join(err, server.end()) }()
	select {
	case d.app = <-ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	d.ownAt = d.app.listen[0].String()
	for _, act := range []func(context.Context) error{d.mirror, d.death, d.dark, d.stay} {
		if err := act(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			d.note("it did not happen: %v", err)
			return errors.New("the demo did not go as it should")
		}
	}
	return nil
}

// pause parts the scenes.
func (d *demo) pause() { fmt.Fprintln(d.stdout) }

// note prints a line of the story, with the time since the start.
func (d *demo) note(format string, args ...any) {
	fmt.Fprintf(d.stdout, "%6.1fs  %s\n", time.Since(d.start).Seconds(), fmt.Sprintf(format, args...))
}

// show prints lines that belong to the note before.
func (d *demo) show(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(d.stdout, "         %s\n", strings.TrimRight(line, "\n"))
	}
}

// writeFiles writes the configuration and zone that a user would, and reads them as serve does.
func (d *demo) writeFiles() (*config, error) {
	zone := "$TTL 300\n" +
		"@    IN SOA ns1 hostmaster 2026112001 3600 600 1209600 60\n" +
		"     IN NS  ns1                      ; ours\n" +
		"     IN NS  ns1.other.example.       ; the other company's\n" +
		"ns1  IN A   127.0.0.1\n"
	for _, t := range d.targets {
		zone += fmt.Sprintf("www  IN A   %s\n", t.addr)
	}
	files := []struct{ name, text string }{
		{"mangrove.yaml", fmt.Sprintf(`listen: ["127.0.0.1:0"]
private_targets: [127.0.0.0/8]
providers:
  other:  {type: rfc2136, server: %q, key_name: %s, key_algorithm: hmac-sha256, key: %s}
  backup: {type: zonefile, directory: mirror}
check_defaults: {interval: 500ms, fast_interval: 200ms, down_interval: 500ms, timeout: 2s, rise: 2, hold_down: 500ms}
`, d.otherAt, demoKey, demoSecret)},
		{"zones/" + demoZone + ".zone", zone},
		{"zones/" + demoZone + ".yaml", fmt.Sprintf("providers: [other, backup]\nhealth:\n  www: http:%d\n", d.targets[0].port)},
	}
	for _, f := range files {
		path := filepath.Join(d.dir, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(f.text), 0o600); err != nil {
			return nil, err
		}
	}
	cfg, problems := loadConfig(filepath.Join(d.dir, "mangrove.yaml"))
	if hasErrors(problems) {
		return nil, fmt.Errorf("%s", problems[0])
	}
	return cfg, nil
}

// mirror shows the zone answered, and pushes it to both providers.
func (d *demo) mirror(ctx context.Context) error {
	d.note("three web servers run on %s, port %d; Mangrove serves %s with", d.addresses(), d.targets[0].port, demoZone)
	d.show("www  IN A  " + strings.ReplaceAll(d.addresses(), ", ", "\nwww  IN A  "))
	d.note("and %s.yaml, which says that they are checked, and where the zone is mirrored:", demoZone)
	d.show(fmt.Sprintf("providers: [other, backup]\nhealth:\n  www: http:%d", d.targets[0].port))
	if _, err := d.own(ctx, d.all()); err != nil {
		return err
	}
	d.show(d.dig(d.ownAt) + "\n" + strings.Join(d.all(), "\n"))

	d.note("$ mangrove push %s", demoZone)
	reports, err := d.app.Push(ctx, planQuery{Zone: demoZone})
	if err != nil {
		return err
	}
	for _, r := range reports {
		if r.Error != "" {
			return fmt.Errorf("push to %s: %s", r.Provider, r.Error)
		}
		sub := *d.cli
		var text strings.Builder
		sub.stdout = &text
		sub.printPush(r)
		d.show(text.String())
	}
	return d.everywhere(ctx, d.all(), time.Now())
}

// death is the first act: a target dies, and returns.
func (d *demo) death(ctx context.Context) error {
	victim := d.targets[1]
	d.pause()
	d.note("the web server on %s dies (checked each half second here; 10 s unless configured)", victim.addr)
	died := time.Now()
	victim.stop()
	if err := d.everywhere(ctx, d.without(victim), died); err != nil {
		return err
	}
	if err := d.status(ctx); err != nil {
		return err
	}
	d.pause()
	d.note("it comes back: two good probes and half a second more (3 and 60 s unless configured)")
	back := time.Now()
	if err := victim.run(); err != nil {
		return err
	}
	return d.everywhere(ctx, d.all(), back)
}

// dark is the second act: a target dies while the other company's API is dark.
func (d *demo) dark(ctx context.Context) error {
	victim := d.targets[2]
	d.pause()
	d.note("the other company has a bad day: its API is dark, its name servers answer on")
	d.other.SetDark(true)
	d.note("the web server on %s dies", victim.addr)
	died := time.Now()
	victim.stop()
	if err := d.ours(ctx, d.without(victim), died); err != nil {
		return err
	}
	got, err := d.ask(ctx, d.otherAt)
	if err != nil {
		return err
	}
	if !slices.Equal(got, d.all()) {
		return fmt.Errorf("the other company answers %s though nobody could change it", addrList(got))
	}
	d.note("whoever asks the other company still gets the dead %s: nobody can change it there", victim.addr)
	d.show(d.dig(d.otherAt) + "\n" + strings.Join(got, "\n"))
	if err := d.phase(ctx, "other", func(phase string) bool { return phase != "in sync" }); err != nil {
		return err
	}
	if err := d.status(ctx); err != nil {
		return err
	}
	d.pause()
	d.note("its API returns")
	returned := time.Now()
	d.other.SetDark(false)
	if err := d.company(ctx, d.without(victim), returned); err != nil {
		return err
	}
	if err := victim.run(); err != nil {
		return err
	}
	d.note("and the web server on %s comes back", victim.addr)
	return d.everywhere(ctx, d.all(), time.Now())
}

// stay tells how to try it, and waits.
func (d *demo) stay(ctx context.Context) error {
	d.pause()
	d.note("that was all of it: one verdict, every answer")
	if d.once {
		return nil
	}
	d.note("it goes on until you stop it (Ctrl-C); try")
	d.show(fmt.Sprintf("%s\n%s\ncat %s\nmangrove status --config %s\n$EDITOR %s", d.dig(d.ownAt), d.dig(d.otherAt), d.mirrorFile(),
		filepath.Join(d.dir, "mangrove.yaml"), filepath.Join(d.dir, "zones", demoZone+".zone")))
	<-ctx.Done()
	return nil
}

// everywhere waits until own answers and both mirrors have want, and tells how long each took since when.
func (d *demo) everywhere(ctx context.Context, want []string, since time.Time) error {
	if err := d.ours(ctx, want, since); err != nil {
		return err
	}
	return d.company(ctx, want, since)
}

// ours waits for own answers and the mirror in a file.
func (d *demo) ours(ctx context.Context, want []string, since time.Time) error {
	took, err := d.own(ctx, want)
	if err != nil {
		return err
	}
	d.note("Mangrove answers          %s  after %s", addrList(want), ago(since, took))
	took, err = d.until(ctx, want, "the zone file", func(context.Context) ([]string, error) { return d.inFile() })
	if err != nil {
		return err
	}
	d.note("the mirrored zone file has %s  after %s", addrList(want), ago(since, took))
	return nil
}

func (d *demo) company(ctx context.Context, want []string, since time.Time) error {
	took, err := d.until(ctx, want, "the other company", func(ctx context.Context) ([]string, error) { return d.ask(ctx, d.otherAt) })
	if err != nil {
		return err
	}
	d.note("the other company answers %s  after %s", addrList(want), ago(since, took))
	return nil
}

func (d *demo) own(ctx context.Context, want []string) (time.Time, error) {
	return d.until(ctx, want, "Mangrove", func(ctx context.Context) ([]string, error) { return d.ask(ctx, d.ownAt) })
}

func ago(since, at time.Time) string { return at.Sub(since).Round(10 * time.Millisecond).String() }

// until asks every 20 ms until the answer is want, and returns when it was.
func (d *demo) until(ctx context.Context, want []string, who string, ask func(context.Context) ([]string, error)) (time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, demoPatience, errors.New("gave up"))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := ask(ctx)
		if err == nil && slices.Equal(got, want) {
			return time.Now(), nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s has %s (%v), not %s", who, addrList(got), err, addrList(want))
		case <-tick.C:
		}
	}
}

// phase waits until a mirror's phase is as it should be.
func (d *demo) phase(ctx context.Context, provider string, is func(string) bool) error {
	_, err := d.until(ctx, []string{"so"}, provider, func(context.Context) ([]string, error) {
		for _, s := range d.app.engine.Status() {
			if s.Provider == provider && is(string(s.Phase)) {
				return []string{"so"}, nil
			}
		}
		return nil, nil
	})
	return err
}

func (d *demo) status(ctx context.Context) error {
	rep, err := d.app.Status(ctx)
	if err != nil {
		return err
	}
	d.note("$ mangrove status")
	var text strings.Builder
	for _, z := range rep.Zones {
		printZone(&text, z)
	}
	d.show(strings.ReplaceAll(text.String(), d.dir+"/", ""))
	return nil
}

func (d *demo) dig(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return fmt.Sprintf("$ dig @%s -p %s www.%s +short", host, port, demoZone)
}

// ask returns the addresses of www that a name server answers, sorted.
func (d *demo) ask(ctx context.Context, addr string) ([]string, error) {
	client := dns.Client{Timeout: 2 * time.Second}
	r, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion("www."+demoZone+".", dns.TypeA), addr)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, rr := range r.Answer {
		if a, ok := rr.(*dns.A); ok {
			out = append(out, a.A.String())
		}
	}
	slices.Sort(out)
	return out, nil
}

func (d *demo) mirrorFile() string { return filepath.Join(d.dir, "mirror", demoZone+".zone") }

// inFile returns the addresses of www in the mirrored zone file, sorted.
func (d *demo) inFile() ([]string, error) {
	res, err := zonefile.Parse(d.mirrorFile(), zonefile.Options{})
	if err != nil {
		return nil, err
	}
	if res.Zone == nil {
		return nil, fmt.Errorf("%s", res.Problems[0])
	}
	set, _ := res.Zone.RRset(zones.MustParseName("www."+demoZone), dns.TypeA)
	out := set.Texts()
	slices.Sort(out)
	return out, nil
}

func (d *demo) all() []string { return d.without(nil) }

func (d *demo) without(victim *demoTarget) []string {
	var out []string
	for _, t := range d.targets {
		if t != victim {
			out = append(out, t.addr.String())
		}
	}
	return out
}

func (d *demo) addresses() string { return addrList(d.all()) }

func addrList(addrs []string) string {
	if len(addrs) == 0 {
		return "nothing"
	}
	return strings.Join(addrs, ", ")
}

// demoTarget is a web server that can die and come back.
type demoTarget struct {
	addr netip.Addr
	port uint16

	mu     sync.Mutex
	server *http.Server
	done   chan struct{}
}

// startTargets runs web servers on 127.0.0.2 to 127.0.0.4, on one port that is free on all of them.
func (d *demo) startTargets() error {
	for range 16 {
		port := uint16(0)
		var err error
		d.targets = nil
		for _, text := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
			t := &demoTarget{addr: netip.MustParseAddr(text), port: port}
			if err = t.run(); err != nil {
				break
			}
			port = t.port
			d.targets = append(d.targets, t)
		}
		if err == nil {
			return nil
		}
		d.stopTargets()
		if len(d.targets) == 0 {
			return hinted{err, "the demo needs the loopback addresses 127.0.0.2 to 127.0.0.4; on macOS add them with \"ifconfig lo0 alias 127.0.0.2\" and so on"}
		}
	}
	return errors.New("no port is free on 127.0.0.2, 127.0.0.3 and 127.0.0.4")
}

func (d *demo) stopTargets() {
	for _, t := range d.targets {
		t.stop()
	}
}

// run starts the web server, on the port that it had before.
func (t *demoTarget) run() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(t.addr, t.port).String())
	if err != nil {
		return err
	}
	t.port = l.Addr().(*net.TCPAddr).AddrPort().Port()
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "alive\n") }),
		ReadHeaderTimeout: time.Second,
	}
	done := make(chan struct{})
	t.server, t.done = server, done
	go func() {
		defer close(done)
		_ = server.Serve(l) // it ends when stop closes it
	}()
	return nil
}

// stop kills the web server: its port is closed.
func (t *demoTarget) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.server == nil {
		return
	}
	t.server.Close()
	<-t.done
	t.server = nil
}
