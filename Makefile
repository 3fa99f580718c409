# make test    everything that must hold, in under a quarter of an hour on two cores
# make soak    the same with the full counts; hours
# make check   format, vet, staticcheck: seconds
# make fuzz    every fuzz target for FUZZCOUNT inputs
# make bench   the benchmarks beside the code, compared with the stored ones
# make bench-peers   whole servers beside Debian's; writes docs/performance.md; an hour at most

FUZZCOUNT ?= 20000
GO ?= go

# For make bench-peers: rounds, seconds of one measurement, and further flags (go run ./integration/bench -help).
ROUNDS ?= 9
SECONDS ?= 1
BENCHFLAGS ?=

.PHONY: all build test check fuzz soak bench bench-baseline bench-peers peers

all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o mangrove ./cmd/mangrove

test: check peers
	$(GO) test -race -timeout 20m ./...

check:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# The servers that the tests compare with and mirror to. Installed where this may be done; else it says what is missing,
# and the tests that need it say that they are skipped.
peers:
	@integration/peers.sh

fuzz:
	@integration/fuzz.sh $(FUZZCOUNT)

soak: check peers
	MANGROVE_SOAK=1 $(GO) test -race -timeout 6h ./...
	integration/fuzz.sh 3000000

# Six runs of each, so that benchstat can tell a change from noise. The baseline is of one machine: make it anew, from the
# commit before yours, on another.
BENCHBASE = integration/bench/baseline.txt
BENCHRUN = $(GO) test -run '^$$' -bench . -benchmem -benchtime 0.2s -count 6 -timeout 2h ./zones/... ./resolver/... ./healthcheck/...

bench:
	@new=$$(mktemp) && $(BENCHRUN) >$$new && $(GO) tool benchstat $(if $(wildcard $(BENCHBASE)),stored=$(BENCHBASE)) now=$$new; status=$$?; rm -f $$new; exit $$status

bench-baseline:
	$(BENCHRUN) >$(BENCHBASE)

bench-peers: build
	@integration/bench/peers.sh
	@dir=$$(mktemp -d) && trap 'rm -rf $$dir' EXIT && $(GO) build -o $$dir/bench ./integration/bench && \
	$$dir/bench -rounds $(ROUNDS) -seconds $(SECONDS) $(BENCHFLAGS)
