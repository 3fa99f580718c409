#!/bin/sh
# fuzz.sh [COUNT [PACKAGE...]]: runs every fuzz target of the packages, of the module unless said, for so many inputs, one target after
# the other; the first finding ends it. FUZZFLAGS are further flags of go test, such as -race.
#
# The bound is a count, not a time: until Go 1.27 the end of a -fuzztime of seconds can hit the fuzzing engine between two
# inputs, which then fails with "context deadline exceeded" and no input (golang/go#75804).
set -eu
count=${1:-20000}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- ./...
for package in $(go list "$@"); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		case $target in
		*AgainstReference) inputs=$((count / 20 + 1)) ;; # builds whole zones, and asks them a lot
		*) inputs=$count ;;
		esac
		echo "fuzz $package $target"
		# shellcheck disable=SC2086 # several flags are several words
		go test ${FUZZFLAGS-} -run '^$' -fuzz "^$target\$" -fuzztime "${inputs}x" "$package"
	done
done
