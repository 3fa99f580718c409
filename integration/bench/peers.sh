#!/bin/sh
# Installs the name servers that Mangrove is measured beside, from Debian's packages, and starts none of them. Where it may
# not, it says what is missing; the report then names it.
set -eu

# command it brings, package
peers='
gdnsd gdnsd
yadifad yadifa
nsd nsd
knotd knot
named bind9
dnssec-signzone bind9-utils
pdns_server pdns-server
taskset util-linux
gcc gcc
'
PATH=$PATH:/usr/sbin:/sbin

missing() {
	echo "$peers" | while read -r command package; do
		[ -z "$command" ] || command -v "$command" >/dev/null 2>&1 || echo "$package"
	done
	[ -e /usr/lib/"$(uname -m)"-linux-gnu/pdns/libbindbackend.so ] || echo pdns-backend-bind
	# gcc comes without the C library's headers.
	[ -e /usr/include/stdio.h ] || echo libc6-dev
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
	echo "installing for the measurements:" $want
	apt-get update -q >/dev/null &&
		DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $want >/dev/null || true
	want=$(missing)
fi

if [ -n "$want" ]; then
	echo "not installed, so not measured:" $want
	echo "install them with: apt-get install --no-install-recommends" $want
fi
