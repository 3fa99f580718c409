package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// The peers' configurations: as many workers as asked for, minimal answers, nothing logged, no rate limit, no statistics
// of single zones; else as they come.

func gdnsdCommand(s *setup) ([]string, error) {
	if s.signed {
		return nil, fmt.Errorf("%w: no DNSSEC", errCannot)
	}
	for _, d := range []string{"run", "state", "zones"} {
		if err := os.Mkdir(filepath.Join(s.dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	for _, z := range s.zones { // the files must have the names of the zones
		if err := os.Symlink(filepath.Join(s.zoneDir, fileName(z)), filepath.Join(s.dir, "zones", z)); err != nil {
			return nil, err
		}
	}
	_, err := s.file("config", fmt.Sprintf(`options => {
  listen => %[1]s, dns_port => %[2]d, udp_threads => %[3]d, tcp_threads => %[3]d, tcp_clients_per_thread => 256,
  run_dir => %[4]s/run, state_dir => %[4]s/state,
}
`, s.addr, s.port, s.workers, s.dir))
	return []string{"gdnsd", "-c", s.dir, "start"}, err
}

func yadifaCommand(s *setup) ([]string, error) {
	conf, err := s.file("yadifad.conf", fmt.Sprintf(`<main>
 daemon off
 chroot off
 logpath "%[1]s"
 pidfile "%[1]s/pid"
 datapath "%[2]s"
 keyspath "%[1]s"
 xfrpath "%[1]s"
 port %[3]d
 listen %[4]s
 user root
 group root
 statistics off
 queries-log-type 0
 max-tcp-queries 200
 answer-formerr-packets off
 thread-count-by-address %[5]d
 thread-affinity-base 0
 sig-validity-interval 30
</main>
<rrl>
 enabled false
</rrl>
<channels>
 null "%[1]s/log" 0644
</channels>
<loggers>
 system EMERG null
</loggers>
`, s.dir, s.zoneDir, s.port, s.addr, s.workers)+s.each(func(zone, file string) string {
		return fmt.Sprintf("<zone>\n type primary\n domain %s\n file %s\n maintain-dnssec off\n notify-auto off\n</zone>\n", zone, file)
	}))
	return []string{"yadifad", "-c", conf}, err
}

func nsdCommand(s *setup) ([]string, error) {
	conf, err := s.file("nsd.conf", fmt.Sprintf(`server:
  server-count: %[5]d
  ip-address: %[4]s
  port: %[3]d
  reuseport: %[6]s
  username: ""
  zonesdir: "%[2]s"
  zonelistfile: "%[1]s/zone.list"
  xfrdfile: "%[1]s/xfrd.state"
  xfrdir: "%[1]s"
  pidfile: "%[1]s/pid"
  logfile: "%[1]s/log"
  verbosity: 0
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  tcp-count: 200
  hide-version: yes
  database: ""
remote-control:
  control-enable: no
`, s.dir, s.zoneDir, s.port, s.addr, s.workers, yesNo(s.workers > 1, "yes", "no"))+s.each(func(zone, file string) string {
		return fmt.Sprintf("zone:\n  name: %q\n  zonefile: %q\n", zone, file)
	}))
	return []string{"nsd", "-d", "-c", conf}, err
}

func knotCommand(s *setup) ([]string, error) {
	conf, err := s.file("knot.conf", fmt.Sprintf(`server:
  listen: %[4]s@%[3]d
  rundir: %[1]s
  udp-workers: %[5]d
  tcp-workers: %[5]d
  background-workers: 1
  tcp-reuseport: %[6]s
database:
  storage: %[1]s
log:
  - target: %[1]s/log
    any: error
template:
  - id: default
    storage: %[2]s
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
zone:
`, s.dir, s.zoneDir, s.port, s.addr, s.workers, yesNo(s.workers > 1, "on", "off"))+s.each(func(zone, file string) string {
		return fmt.Sprintf("  - domain: %q\n    file: %q\n", zone, file)
	}))
	return []string{"knotd", "-c", conf}, err
}

func bindCommand(s *setup) ([]string, error) {
	conf, err := s.file("named.conf", fmt.Sprintf(`options {
  directory "%[1]s"; pid-file none; session-keyfile none; lock-file none;
  listen-on port %[2]d { %[3]s; }; listen-on-v6 { none; };
  recursion no; minimal-responses yes; notify no; dnssec-validation no; masterfile-format text;
  tcp-clients 1000; zone-statistics none; check-integrity no; allow-transfer { none; }; querylog no;
  empty-zones-enable no; max-zone-ttl unlimited;
};
controls { };
logging { category default { null; }; };
`, s.dir, s.port, s.addr)+s.each(func(zone, file string) string {
		return fmt.Sprintf("zone %q { type primary; file %q; };\n", zone, filepath.Join(s.zoneDir, file))
	}))
	return []string{"named", "-f", "-n", fmt.Sprint(s.workers), "-U", fmt.Sprint(s.workers), "-c", conf}, err
}

func powerdnsCommand(s *setup) ([]string, error) {
	bind, err := s.file("named.conf", fmt.Sprintf("options { directory %q; };\n", s.zoneDir)+s.each(func(zone, file string) string {
		return fmt.Sprintf("zone %q { type master; file %q; };\n", zone, filepath.Join(s.zoneDir, file))
	}))
	if err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`launch=bind
bind-config=%[1]s
local-address=%[2]s
local-port=%[3]d
socket-dir=%[4]s
receiver-threads=%[5]d
distributor-threads=1
signing-threads=1
reuseport=%[6]s
cache-ttl=3600
query-cache-ttl=3600
negquery-cache-ttl=3600
zone-cache-refresh-interval=%[7]d
max-cache-entries=2000000
max-packet-cache-entries=2000000
max-tcp-connections=200
max-tcp-connection-duration=0
loglevel=0
webserver=no
version-string=anonymous
`, bind, s.addr, s.port, s.dir, s.workers, yesNo(s.workers > 1, "yes", "no"), yesNo(s.signed, 0, 3600))
	if !s.signed {
		_, err = s.file("pdns.conf", conf)
	} else if _, err = s.file("pdns.conf", conf+"bind-dnssec-db="+s.dir+"/dnssec.db\n"); err == nil {
		_, err = output("pdnsutil", "--config-dir="+s.dir, "create-bind-db", s.dir+"/dnssec.db")
		for _, z := range s.zones {
			if err == nil {
				_, err = output("pdnsutil", "--config-dir="+s.dir, "set-presigned", z)
			}
		}
	}
	return []string{"pdns_server", "--config-dir=" + s.dir, "--daemon=no", "--guardian=no", "--write-pid=no"}, err
}

func yesNo[T any](is bool, yes, no T) T {
	if is {
		return yes
	}
	return no
}
