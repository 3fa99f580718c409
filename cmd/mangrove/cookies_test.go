package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/resolver"
)

const (
	cookieOne = "e5e973e5a6b2a43f48e7dc849e37bfcf"
	cookieTwo = "445536BCD2513298075A5D379663C962"
)

func TestCookieSecrets(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mangrove.yaml")
	for name, text := range map[string]string{"two": cookieTwo + "\n", "short": cookieTwo[:30] + "\n", "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("COOKIE_ONE", cookieOne)
	for _, c := range []struct {
		yaml  string
		want  []string
		wrong []string // behind the path of the file
	}{
		{"cookies: {secrets: " + cookieOne + "}", []string{cookieOne}, nil},
		{`cookies: {secrets: ["env:COOKIE_ONE", "file:two"]}`, []string{cookieOne, cookieTwo}, nil},
		{`cookies: {secrets: ["file:two", "env:COOKIE_ONE"]}`, []string{cookieTwo, cookieOne}, nil},
		{`cookies: {secrets: "file:two", enabled: false}`, nil, nil},
		{"cookies: {secrets: [" + cookieTwo + ", " + strings.ToLower(cookieTwo) + "]}", nil, []string{":1:55: cookies.secrets[1]: the same secret as cookies.secrets[0]"}},
		{`cookies: {secrets: ["file:two", "env:COOKIE_ONE", "file:two"]}`, nil, []string{":1:51: cookies.secrets[2]: the same secret as cookies.secrets[0]"}},
		{"cookies: {secrets: [" + cookieOne + ", " + cookieOne[:31] + "g]}", nil,
			[]string{":1:55: cookies.secrets[1]: not a cookie secret of 32 hexadecimal digits"}},
		{`cookies: {secrets: ["file:none", "file:short", "file:empty", "env:COOKIE_NONE"]}`, nil, []string{
			":1:21: cookies.secrets[0]: " + filepath.Join(dir, "none") + " can't be read: no such file or directory",
			":1:34: cookies.secrets[1]: not a cookie secret of 32 hexadecimal digits",
			":1:48: cookies.secrets[2]: " + filepath.Join(dir, "empty") + " is empty",
			":1:62: cookies.secrets[3]: environment variable COOKIE_NONE is not set",
		}},
	} {
		cfg := defaultConfig()
		cfg.path = path
		problems := cfg.parse([]byte(c.yaml))
		var secrets []resolver.CookieSecret
		if len(problems) == 0 {
			secrets, problems = cookieSecrets(cfg)
		}
		var want, got []string
		for _, w := range c.wrong {
			want = append(want, path+w)
		}
		if diff := cmp.Diff(want, problemTexts(problems)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.yaml, diff)
			continue
		}
		for _, s := range secrets {
			got = append(got, fmt.Sprintf("%x", s[:]))
		}
		if diff := cmp.Diff(strings.ToLower(strings.Join(c.want, " ")), strings.Join(got, " ")); len(c.wrong) == 0 && diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.yaml, diff)
		}
		for _, v := range configValues(cfg) {
			if strings.HasPrefix(v.path, "cookies.secrets") && strings.Contains(v.text, cookieOne[:8]) {
				t.Errorf("config show prints a secret: %+v", v)
			}
		}
	}
}

// A server that was given no secret has the same one after a restart, and nobody else can read it.
func TestOwnCookieSecret(t *testing.T) {
	cfg := defaultConfig()
	cfg.Data = t.TempDir()
	path := filepath.Join(cfg.Data, cookieFile)
	first, problems := cookieSecrets(cfg)
	if len(problems) > 0 || len(first) != 1 {
		t.Fatalf("%v, %v", first, problems)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if mode, open := readableByOthers(path); open {
		t.Errorf("others are said to read what has mode %v", mode)
	}
	for _, mode := range []os.FileMode{0o640, 0o604} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if got, open := readableByOthers(path); !open || got != mode {
			t.Errorf("mode %v: got %v, %v", mode, got, open)
		}
	}
	if again, problems := cookieSecrets(cfg); len(problems) > 0 || again[0] != first[0] {
		t.Errorf("another one the second time: %v", problems)
	}
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems = cookieSecrets(cfg)
	if diff := cmp.Diff([]string{path + `: not a cookie secret of 32 hexadecimal digits: remove it, and "mangrove reload" makes another one`}, problemTexts(problems)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	other := defaultConfig()
	other.Data = t.TempDir()
	if secrets, problems := cookieSecrets(other); len(problems) > 0 || secrets[0] == first[0] {
		t.Errorf("two servers have the same secret, or %v", problems)
	}
}
