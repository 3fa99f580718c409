package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/providers"
)

// All that the commands print is printed here:
//   - answers on standard output, and nothing else there
//   - talk on standard error, each line with the prefix "mangrove:", lower case, without final stop
//   - times of day in the local zone; a date only where it is not today's

func (c *cli) printJSON(v any) error {
	enc := json.NewEncoder(c.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// count is "1 zone", "2 zones".
func count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case n == 0:
		return "no " + noun + "s"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// when is a moment as people read it.
func when(t time.Time) string {
	t = t.Local()
	if y, m, d := time.Now().Date(); t.Year() == y && t.Month() == m && t.Day() == d {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2006-01-02 15:04:05")
}

func (c *cli) printPlans(reports []planReport) {
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		c.printPlan(r)
	}
	if len(reports) == 0 {
		c.say("no zone is mirrored anywhere")
	}
}

// heading is "example.org -> cloudflare/main".
func (r planReport) heading() string {
	return fmt.Sprintf("%s -> %s/%s", strings.TrimSuffix(r.Zone, "."), r.Type, r.Provider)
}

func (c *cli) printPlan(r planReport) {
	fmt.Fprintln(c.stdout, r.heading())
	if r.Plan == nil {
		fmt.Fprintf(c.stdout, "  can't be planned: %s\n", r.Error)
		return
	}
	p := r.Plan
	c.printLines(p.Lines)
	for _, f := range p.Foreign {
		fmt.Fprintf(c.stdout, "  = %s  not ours, kept\n", strings.Join(fields(f.Name, ttl(f.TTL), f.Type, f.Text), " "))
	}
	for _, n := range p.Notes {
		fmt.Fprintf(c.stdout, "  note: %s %s: %s\n", n.Name, n.Type, n.Text)
	}
	for _, l := range p.Losses {
		fmt.Fprintf(c.stdout, "  can't be held: %s %s: %s\n", l.Name, l.Type, l.Text)
	}
	fmt.Fprintln(c.stdout, p.Counts)
	for _, g := range p.Guards {
		switch {
		case g.Allowed:
			fmt.Fprintf(c.stdout, "guard %s let pass: %s%s\n", g.ID, g.Text, of(g.Names))
		case g.Overridable:
			fmt.Fprintf(c.stdout, "guard %s blocks: %s%s; \"mangrove push %s --provider %s --allow %s\" lets it pass\n",
				g.ID, g.Text, of(g.Names), strings.TrimSuffix(r.Zone, "."), r.Provider, g.ID)
		default:
			fmt.Fprintf(c.stdout, "guard %s blocks: %s%s\n", g.ID, g.Text, of(g.Names))
		}
	}
	if len(p.Lines) > 0 {
		fmt.Fprintf(c.stdout, "plan %s\n", p.Hash)
	}
}

func of(names []string) string {
	const most = 5
	switch {
	case len(names) == 0:
		return ""
	case len(names) > most:
		return fmt.Sprintf(" (%s and %d more)", strings.Join(names[:most], ", "), len(names)-most)
	}
	return " (" + strings.Join(names, ", ") + ")"
}

func ttl(n uint32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// fields drops the empty ones.
func fields(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// printLines prints changes in columns, the reasons aligned.
func (c *cli) printLines(lines []providers.Line) {
	var rows [][]string
	for _, l := range lines {
		value := fmt.Sprintf("%d %s %s", l.TTL, l.Type, l.Text)
		if l.OldTTL != 0 && l.OldTTL != l.TTL {
			value = fmt.Sprintf("%d -> %s", l.OldTTL, value)
		}
		if l.Attrs != "" {
			value += " (" + l.Attrs + ")"
		}
		reason := l.Reason
		if reason == "" && l.Why != providers.Edited {
			reason = string(l.Why)
		}
		rows = append(rows, []string{string(l.Op) + " " + l.Name, value, reason})
	}
	table(c.stdout, "  ", rows)
}

// table aligns columns that are parted by tabs, without blanks at the ends of lines.
func table(out io.Writer, indent string, rows [][]string) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a strings.Builder takes everything
	for line := range strings.Lines(b.String()) {
		fmt.Fprintln(out, indent+strings.TrimRight(line, " \n"))
	}
}

func (c *cli) printPushes(reports []pushReport) {
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		c.printPush(r)
	}
	if len(reports) == 0 {
		c.say("no zone is mirrored anywhere")
	}
}

func (c *cli) printPush(r pushReport) {
	if r.Plan == nil {
		fmt.Fprintln(c.stdout, r.heading())
	} else {
		c.printPlan(r.planReport)
	}
	switch {
	case len(r.Blocked) > 0:
		c.say("%s", r.Error)
		c.say("hint: read \"mangrove plan %s\", then \"mangrove push --allow %s %s\"", bare(r.Zone), strings.Join(r.Blocked, ","), bare(r.Zone))
	case r.Error != "":
		c.say("%s", r.Error)
	case r.Plan != nil && len(r.Plan.Lines) == 0:
		fmt.Fprintln(c.stdout, "in sync, nothing to do")
	default:
		fmt.Fprintf(c.stdout, "%s applied and read back%s\n", count(r.Applied, "RRset"), verified(r))
	}
	for _, l := range r.Left {
		fmt.Fprintf(c.stdout, "  not done: %s\n", l)
	}
	for _, u := range r.Unverified {
		fmt.Fprintf(c.stdout, "  not answered yet: %s\n", u)
	}
	for _, u := range r.Unasked {
		fmt.Fprintf(c.stdout, "  not asked for: %s\n", u)
	}
}

func verified(r pushReport) string {
	if !r.Asked || len(r.Unverified) > 0 || len(r.Unasked) > 0 {
		return ""
	}
	return ", and answered by its name servers"
}

func bare(zone string) string {
	if zone == "." {
		return zone
	}
	return strings.TrimSuffix(zone, ".")
}

func (c *cli) printStatus(rep *statusReport) {
	out := c.stdout
	if rep.Running {
		fmt.Fprintf(out, "mangrove %s, running since %s, answers on %s\n", rep.Version, when(rep.Started), strings.Join(rep.Listen, ", "))
	} else {
		fmt.Fprintf(out, "mangrove serve does not run; this is what the files and the store say\n")
	}
	for _, p := range rep.Problems {
		fmt.Fprintln(out, p)
	}
	for _, key := range rep.Restart {
		fmt.Fprintf(out, "%s: %s changed; restart to take it up\n", rep.Config, key)
	}
	printRateLimit(out, rep.RateLimit)
	down, behind, targets, mirrors := 0, 0, 0, 0
	for _, z := range rep.Zones {
		fmt.Fprintln(out)
		printZone(out, z)
		for _, h := range z.Health {
			for _, t := range h.Targets {
				targets++
				if !t.State.Usable() {
					down++
				}
			}
		}
		for _, m := range z.Mirrors {
			mirrors++
			if m.Phase != providers.InSync {
				behind++
			}
		}
	}
	fmt.Fprintf(out, "\n%s, %s (%d down), %s (%d not in sync)\n", count(len(rep.Zones), "zone"), count(targets, "target"), down, count(mirrors, "mirror"), behind)
}

func printZone(out io.Writer, z zoneReport) {
	serial := fmt.Sprintf("serial %d", z.Serial)
	switch {
	case z.Serial == 0 && z.FileSerial == 0:
		serial = "not served"
	case z.Serial == 0:
		serial = fmt.Sprintf("file serial %d", z.FileSerial)
	case z.Serial != z.FileSerial:
		serial += fmt.Sprintf(" (file %d)", z.FileSerial)
	}
	parts := []string{serial}
	if z.Records > 0 {
		parts = append(parts, count(z.Records, "record"))
	}
	parts = append(parts, z.File)
	if z.Mode == "observe" {
		parts = append(parts, "observe: nothing is withdrawn")
	}
	if z.State != sourceOK {
		parts = append(parts, strings.ToUpper(string(z.State)))
	}
	fmt.Fprintf(out, "%s  %s\n", bare(z.Zone), strings.Join(parts, ", "))
	for _, p := range z.Problems {
		fmt.Fprintf(out, "  %s\n", p)
	}
	for _, h := range z.Health {
		fmt.Fprintf(out, "  %s %s: %s\n", h.Name, h.Type, h.Outcome)
		var rows [][]string
		for _, t := range h.Targets {
			rows = append(rows, []string{t.Target, stateText(t), t.why()})
		}
		table(out, "    ", rows)
	}
	for _, al := range z.Aliases {
		fmt.Fprintf(out, "  %s ALIAS %s\n", al.Name, al)
	}
	for _, m := range z.Mirrors {
		fmt.Fprintf(out, "  -> %s: %s\n", m.Provider, mirrorText(m))
		for _, line := range mirrorDetails(m) {
			fmt.Fprintf(out, "       %s\n", line)
		}
	}
}

func stateText(t targetReport) string {
	s := t.State.String()
	if !t.Served {
		s += ", left out"
	}
	if !t.Since.IsZero() {
		s += " since " + when(t.Since)
	}
	return s
}

func (t targetReport) why() string {
	reason := t.Reason
	if t.State == healthcheck.Up && t.Served {
		reason = ""
	}
	return strings.Join(fields(reason, t.Pending), "; ")
}

func mirrorText(m providers.Status) string {
	parts := []string{string(m.Phase)}
	if m.Phase != providers.InSync && !m.Since.IsZero() {
		parts[0] += " since " + when(m.Since)
	}
	if !m.VerifiedAt.IsZero() {
		parts = append(parts, fmt.Sprintf("serial %d verified %s", m.VerifiedSerial, when(m.VerifiedAt)))
	}
	if m.Error != "" {
		parts = append(parts, m.Error)
	}
	if m.Phase == providers.Pending {
		parts = append(parts, fmt.Sprintf("%s wait for \"mangrove push %s --provider %s\"", count(m.Waiting, "change"), bare(m.Zone), m.Provider))
	}
	return strings.Join(parts, ", ")
}

func mirrorDetails(m providers.Status) []string {
	var out []string
	if m.Withdrawn > 0 {
		out = append(out, fmt.Sprintf("%s not there yet", count(m.Withdrawn, "withdrawal or restore")))
	}
	for _, g := range m.Guards {
		if !g.Allowed {
			out = append(out, fmt.Sprintf("guard %s: %s%s", g.ID, g.Text, of(g.Names)))
		}
	}
	for _, l := range m.Drift {
		out = append(out, fmt.Sprintf("drift: %s %s %d %s %s", l.Op, l.Name, l.TTL, l.Type, l.Text))
	}
	for _, l := range append(slices.Clone(m.Losses), m.Refused...) {
		out = append(out, fmt.Sprintf("can't be held: %s %s: %s", l.Name, l.Type, l.Text))
	}
	for _, u := range m.Unverified {
		out = append(out, "not answered yet: "+u)
	}
	return out
}
