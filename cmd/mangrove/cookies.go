package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mangrove-dns/mangrove/resolver"
	"github.com/mangrove-dns/mangrove/zones"
)

// cookieConfig is how DNS cookies are made.
type cookieConfig struct {
	Enabled bool     `yaml:"enabled" doc:"whether DNS cookies are made and accepted (RFC 7873); else they are ignored"`
	Secrets []string `yaml:"secrets" doc:"32 hexadecimal digits each: the first makes cookies, all are accepted" secret:"yes"`
}

// SetShorthand takes `cookies: off` for `cookies: {enabled: false}`.
func (c *cookieConfig) SetShorthand(text string) (string, error) {
	switch text {
	case "on", "true":
		c.Enabled = true
	case "off", "false":
		c.Enabled = false
	default:
		return "enabled", errors.New("neither on nor off; secrets stand in {secrets: ...}") // which it may be one of
	}
	return "enabled", nil
}

// cookieFile holds the secret of a server that was not given any, so that a restart changes nothing for those who have cookies.
const cookieFile = "cookie.secret"

// validateCookies reports secrets that stand in the file and are none. What references lead to is looked at by cookieSecrets.
func validateCookies(problems *[]zones.Problem, c *config) {
	seen := make(map[resolver.CookieSecret]int)
	for i, text := range c.Cookies.Secrets {
		if strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:") {
			continue
		}
		s, err := resolver.ParseCookieSecret(text)
		if err == nil {
			err = noteSecret(seen, s, i)
		}
		if err != nil {
			c.problem(problems, fmt.Sprintf("cookies.secrets[%d]", i), "%v", err)
		}
	}
}

// noteSecret notes secret i; it is an error that it is another one again: who put it there meant to change it.
func noteSecret(seen map[resolver.CookieSecret]int, s resolver.CookieSecret, i int) error {
	if first, again := seen[s]; again {
		return fmt.Errorf("the same secret as cookies.secrets[%d]", first)
	}
	seen[s] = i
	return nil
}

// cookieSecrets returns what cookies are made and accepted with, nothing where they are ignored. With problems it is of no use.
func cookieSecrets(c *config) (secrets []resolver.CookieSecret, problems []zones.Problem) {
	if !c.Cookies.Enabled {
		return nil, nil
	}
	if len(c.Cookies.Secrets) == 0 {
		own, err := ownCookieSecret(c.Data)
		if err != nil {
			return nil, []zones.Problem{{Pos: zones.Pos{File: filepath.Join(c.Data, cookieFile)}, Severity: zones.Error, Text: err.Error()}}
		}
		return []resolver.CookieSecret{own}, nil
	}
	return configuredCookies(c)
}

// configuredCookies returns the secrets that a configuration says, or leads to.
func configuredCookies(c *config) (secrets []resolver.CookieSecret, problems []zones.Problem) {
	seen := make(map[resolver.CookieSecret]int)
	for i, ref := range c.Cookies.Secrets {
		text, err := secret(ref, c.dir())
		if err == nil {
			var s resolver.CookieSecret
			if s, err = resolver.ParseCookieSecret(text); err == nil {
				err = noteSecret(seen, s, i)
			}
			secrets = append(secrets, s)
		}
		if err != nil {
			c.problem(&problems, fmt.Sprintf("cookies.secrets[%d]", i), "%v", err)
		}
	}
	return secrets, problems
}

// ownCookieSecret returns the secret in the data directory; where there is none, it makes one.
func ownCookieSecret(data string) (resolver.CookieSecret, error) {
	path := filepath.Join(data, cookieFile)
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		own, err := resolver.ParseCookieSecret(strings.TrimRight(string(text), "\r\n"))
		if err != nil {
			return own, fmt.Errorf("%w: remove it, and \"mangrove reload\" makes another one", err)
		}
		return own, nil
	case !errors.Is(err, fs.ErrNotExist):
		return resolver.CookieSecret{}, errors.New(readProblem(err))
	}
	own := resolver.NewCookieSecret()
	return own, writeAtomically(path, fmt.Appendf(nil, "%x\n", own[:])) // mode 0600
}

// startCookies returns the secrets to start with. Where those that are configured can't be had, it is one that nobody else has: cookies
// then prove something to this server alone, until a reload finds them.
func (a *app) startCookies() []resolver.CookieSecret {
	secrets, problems := cookieSecrets(a.config())
	a.found(&a.problems.cookies, problems)
	if len(problems) > 0 {
		return []resolver.CookieSecret{resolver.NewCookieSecret()}
	}
	if cfg := a.config(); cfg.Cookies.Enabled && len(cfg.Cookies.Secrets) == 0 {
		path := filepath.Join(cfg.Data, cookieFile)
		if mode, open := readableByOthers(path); open {
			a.log.Warn("others can read the secret that cookies are made of, and make cookies of any address: change its mode to 0600, or remove it and reload, for another one",
				"file", path, "mode", fmt.Sprintf("%04o", mode))
		}
	}
	return secrets
}

// readableByOthers says whether more than its owner can read a file.
func readableByOthers(path string) (mode fs.FileMode, open bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false // it was read a moment ago
	}
	return info.Mode().Perm(), info.Mode().Perm()&0o044 != 0
}

// takeUpCookies has the server use the secrets of a configuration that was read again; with problems those in force stay.
func (a *app) takeUpCookies() {
	secrets, problems := cookieSecrets(a.config())
	a.found(&a.problems.cookies, problems)
	if len(problems) == 0 {
		a.server.SetCookieSecrets(secrets...)
	}
}
