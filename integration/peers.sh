#!/bin/sh
# Installs the name servers and tools that the tests drive, from Debian's packages, and starts none of them.
# Where it may not, it says what is missing; it fails only with MANGROVE_PEERS=required.
set -eu

# command it brings, package
peers='
knotd knot
kdig knot-dnsutils
named bind9
named-checkzone bind9-utils
dig bind9-dnsutils
nsd nsd
pdns_server pdns-server
sqlite3 sqlite3
unbound unbound
ldns-signzone ldnsutils
'
PATH=$PATH:/usr/sbin:/sbin

missing() {
	echo "$peers" | while read -r command package; do
		[ -z "$command" ] || command -v "$command" >/dev/null 2>&1 || echo "$package"
	done
	[ -e /usr/lib/"$(uname -m)"-linux-gnu/pdns/libgsqlite3backend.so ] || echo pdns-backend-sqlite3
}

want=$(missing)
[ -n "$want" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	# The packages would start their servers on port 53; nothing here wants that.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod +x $policy
		trap 'rm -f $policy' EXIT
	fi
	echo "installing for the tests:" $want
	# Where none may be missing, a mirror that is down for a moment is no reason to go without.
	pauses=0
	[ "${MANGROVE_PEERS:-}" != required ] || pauses='5 15 45 0'
	for pause in $pauses; do
		apt-get -o Acquire::Retries=3 update -q >/dev/null &&
			DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 \
				install -qy --no-install-recommends $want >/dev/null || true
		want=$(missing)
		[ -n "$want" ] || exit 0
		sleep $pause
	done
fi

if [ -n "$want" ]; then
	echo "not installed, so the tests that need them are skipped:" $want
	echo "install them with: apt-get install --no-install-recommends" $want
	[ "${MANGROVE_PEERS:-}" != required ]
fi
