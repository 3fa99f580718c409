package integration

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mangrove-dns/mangrove/"

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
	Deps       []string
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Imports,Deps", "../...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ps []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

// part returns which of the tree's parts a package of ours is in: "zones/live", "providers"; "" for others' packages.
func part(path string) string {
	path, ours := strings.CutPrefix(path, module)
	if !ours {
		return ""
	}
	for _, whole := range []string{"providers", "healthcheck", "resolver", "integration", "cmd"} {
		if path == whole || strings.HasPrefix(path, whole+"/") {
			return whole
		}
	}
	// zones/store/storetest belongs to zones/store.
	if parts := strings.SplitN(path, "/", 3); len(parts) == 3 {
		return parts[0] + "/" + parts[1]
	}
	return path
}

// What a part of the tree may import of ours, beside itself. cmd imports all but integration.
var allowed = map[string][]string{
	"zones":          {},
	"zones/zonefile": {"zones"},
	"zones/image":    {"zones"},
	"zones/edits":    {"zones"},
	"zones/zonemd":   {"zones"},
	"zones/store":    {"zones", "zones/image"},
	"zones/live":     {"zones"},
	"zones/dnssec":   {"zones"},
	"zones/alias":    {"zones"},
	"healthcheck":    {"zones"},
	"providers":      {"zones"},
	"resolver":       {"zones"},
	"integration":    {"zones", "providers", "healthcheck", "zones/zonefile", "zones/image", "zones/store", "zones/live", "resolver"},
}

// What must not be imported; with indirect, not even by a dependency. And why.
var forbidden = []struct {
	from, to string
	indirect bool
	why      string
}{
	{"resolver", "go.etcd.io/bbolt", true, "answering must not touch a disk"},
	{"resolver", "net/http", true, "answering has no HTTP"},
	{"resolver", "github.com/libdns/libdns", true, "answering knows no providers"},
	{"zones", "os", false, "the model is pure: no files"},
	{"zones", "net", false, "the model is pure: no sockets"},
	{"zones", "time", false, "the model is pure: no clock"},
	{"healthcheck", "go.etcd.io/bbolt", true, "a verdict must not wait for a disk"},
	{"providers", "go.etcd.io/bbolt", true, "the engine keeps its state through an interface"},
	{"cmd", module + "integration/emulator/cloudflare", true, "emulators are test code"},
	{"cmd", module + "integration/emulator/route53", true, "emulators are test code"},
}

func TestImports(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 8 {
		t.Fatalf("go list found %d packages only", len(packages))
	}
	for _, p := range packages {
		from := part(p.ImportPath)
		for _, path := range p.Imports {
			to := part(path)
			if to == "" || to == from {
				continue
			}
			may, ruled := allowed[from]
			switch {
			case from == "cmd" && to != "integration":
			case !ruled:
				t.Errorf("%s is in no part of the tree that has an import rule; add it to the table", p.ImportPath)
			case !slices.Contains(may, to):
				t.Errorf("%s imports %s; %s may import of ours: %s", p.ImportPath, path, from, strings.Join(may, ", "))
			}
		}
		for _, rule := range forbidden {
			list := p.Imports
			if rule.indirect {
				list = p.Deps
			}
			if from == rule.from && slices.Contains(list, rule.to) {
				t.Errorf("%s imports %s: %s", p.ImportPath, rule.to, rule.why)
			}
		}
	}
}

func TestPackageDocs(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
