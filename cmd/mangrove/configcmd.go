package main

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mangrove-dns/mangrove/cmd/mangrove/yamlconf"
	"github.com/mangrove-dns/mangrove/zones"
)

func (c *cli) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration in force, or the schema of its files",
		RunE:  needsCommand,
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "show [ZONE]",
		Short: "Print the values in force, each with the file:line:col or default that it comes from",
		Long: `Show prints every value of mangrove.yaml, or of ZONE with the checks that it uses. Secrets are printed as references (env:NAME,
file:PATH); one that is written out is hidden.`,
		Example: `  mangrove config show
  mangrove config show example.com`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			values := configValues(cfg)
			if len(args) == 1 {
				if values, err = c.zoneValues(cfg, args[0]); err != nil {
					return err
				}
			}
			var rows [][]string
			for _, v := range values {
				rows = append(rows, []string{v.path, v.text, v.from})
			}
			table(c.stdout, "", rows)
			return nil
		},
	}, &cobra.Command{
		Use:       "schema (mangrove|zone)",
		Short:     "Print the JSON Schema of mangrove.yaml or of NAME.yaml, for editors",
		Example:   "  mangrove config schema mangrove >mangrove.schema.json",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"mangrove", "zone"},
		RunE: func(_ *cobra.Command, args []string) error {
			var out []byte
			var err error
			if args[0] == "zone" {
				out, err = schemaOf(zoneConfig{}, "NAME.yaml, beside a zone of Mangrove")
			} else {
				out, err = schemaOf(config{}, "mangrove.yaml")
			}
			if err != nil {
				return err
			}
			_, err = c.stdout.Write(out)
			return err
		},
	})
	return cmd
}

// shown is one value in force.
type shown struct{ path, text, from string }

// shower collects values with where they come from.
type shower struct {
	origin func(path string) string
	values []shown
}

func configValues(cfg *config) []shown {
	s := shower{origin: func(path string) string { return originOr(cfg.origins, path, "default") }}
	s.show("", reflect.ValueOf(*cfg))
	// A check takes from check_defaults what it does not say.
	for i, v := range s.values {
		if rest, ok := strings.CutPrefix(v.path, "checks."); ok && v.from == "default" {
			_, key, _ := strings.Cut(rest, ".")
			s.values[i].from = originOr(cfg.origins, "check_defaults."+key, "default")
		}
	}
	return s.values
}

// originOr returns where exactly path stands, or fallback.
func originOr(o yamlconf.Origins, path, fallback string) string {
	if pos, ok := o[path]; ok {
		return pos.String()
	}
	return fallback
}

// zoneValues returns what holds for a zone: its own settings, and each check that a rule of it uses.
func (c *cli) zoneValues(cfg *config, name string) ([]shown, error) {
	origin, err := zones.ParseName(name)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(cfg.Zones, bare(origin.String())+".zone")
	if origin == zones.Root {
		file = filepath.Join(cfg.Zones, "root.zone")
	}
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("zone %s: %w", origin, err)
	}
	zc, problems := cfg.loadZoneConfig(zoneConfigPath(file))
	for _, p := range problems {
		fmt.Fprintln(c.stderr, p)
	}
	if hasErrors(problems) {
		return nil, fmt.Errorf("%s has errors", zoneConfigPath(file))
	}
	s := shower{origin: func(path string) string {
		if rule, ok := strings.CutSuffix(path, ".check"); ok {
			path = rule // `www: https` says the check where the rule stands
		}
		return originOr(zc.origins, path, originOr(cfg.origins, "zone_defaults."+path, "default"))
	}}
	s.show("", reflect.ValueOf(*zc))
	s.values = slices.DeleteFunc(s.values, func(v shown) bool { return strings.HasPrefix(v.path, "checks.") })
	used := map[string]bool{}
	for _, owner := range slices.Sorted(maps.Keys(zc.Health)) {
		used[zc.Health[owner].Check] = true
	}
	for _, check := range slices.Sorted(maps.Keys(used)) {
		s.check(cfg, zc, check)
	}
	return s.values, nil
}

// check shows the settings of a check that a zone uses: a preset has the defaults.
func (s *shower) check(cfg *config, zc *zoneConfig, name string) {
	path := "checks." + name
	cc, origins := cfg.CheckDefaults, cfg.origins
	if own, ok := zc.Checks[name]; ok {
		cc, origins = own, zc.origins
	} else if shared, ok := cfg.Checks[name]; ok {
		cc = shared
	} else if _, preset, err := zc.check(cfg, name); err == nil {
		cc = *preset
		cc.Type, _, _ = strings.Cut(name, ":")
	}
	inner := shower{origin: func(p string) string {
		key := strings.TrimPrefix(p, path+".")
		if key == "type" && origins[p] == (zones.Pos{}) {
			return "preset"
		}
		return originOr(origins, p, originOr(cfg.origins, "check_defaults."+key, "default"))
	}}
	inner.show(path, reflect.ValueOf(cc))
	for _, v := range inner.values {
		// What only HTTP has is no part of a tcp check.
		if key := strings.TrimPrefix(v.path, path+"."); cc.Type != "tcp" || !slices.Contains([]string{"path", "method", "expect_status"}, key) {
			s.values = append(s.values, v)
		}
	}
}

// show walks a value down to what is written as one.
func (s *shower) show(path string, v reflect.Value) {
	if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if v.Type() == reflect.TypeFor[providerConfig]() {
		p := v.Interface().(providerConfig)
		s.add(path+".type", p.Type)
		s.show(path, reflect.ValueOf(p.Options))
		return
	}
	if _, text := textTypes[v.Type()]; text {
		if text := fmt.Sprint(v.Interface()); text != "" && (text != "0s" || s.origin(path) != "default") {
			s.add(path, text)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(v.Type()) {
			name, field := f.Tag.Get("yaml"), v.FieldByIndex(f.Index)
			switch {
			case name == "":
			case f.Tag.Get("secret") != "":
				s.secrets(join(path, name), field)
			default:
				s.show(join(path, name), field)
			}
		}
	case reflect.Map:
		for _, key := range slices.Sorted(maps.Keys(keysOf(v))) {
			s.show(join(path, key), v.MapIndex(reflect.ValueOf(key)))
		}
	case reflect.Slice:
		if v.Len() == 0 && s.origin(path) != "default" {
			s.add(path, "[]")
		}
		if v.Len() > 0 {
			s.add(path, strings.Trim(strings.ReplaceAll(fmt.Sprint(v.Interface()), " ", ", "), "[]"))
		}
	default:
		if !v.IsZero() || v.Kind() == reflect.Bool || v.CanInt() && s.origin(path) != "default" {
			s.add(path, fmt.Sprint(v.Interface()))
		}
	}
}

// secrets shows a field of secrets: one, a list, or a map of them.
func (s *shower) secrets(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Map:
		for _, key := range slices.Sorted(maps.Keys(keysOf(v))) {
			s.secret(join(path, key), v.MapIndex(reflect.ValueOf(key)).String())
		}
	case reflect.Slice:
		for i := range v.Len() {
			s.secret(fmt.Sprintf("%s[%d]", path, i), v.Index(i).String())
		}
	default:
		s.secret(path, v.String())
	}
}

func keysOf(v reflect.Value) map[string]bool {
	out := make(map[string]bool, v.Len())
	for _, k := range v.MapKeys() {
		out[k.String()] = true
	}
	return out
}

func (s *shower) secret(path, text string) {
	switch {
	case text == "":
		return
	case !strings.HasPrefix(text, "env:") && !strings.HasPrefix(text, "file:"):
		text = "(hidden)"
	}
	s.add(path, text)
}

func (s *shower) add(path, text string) {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		text = u.Redacted()
	}
	s.values = append(s.values, shown{path, text, s.origin(path)})
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
