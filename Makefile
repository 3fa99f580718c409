# make test    everything that must hold, in under a quarter of an hour on two cores
# make soak    the same with the full counts; hours
# make check   format, vet, staticcheck: seconds
# make fuzz    every fuzz target for FUZZCOUNT inputs
# make bench   the benchmarks beside the code

FUZZCOUNT ?= 20000
GO ?= go

.PHONY: all build test check fuzz soak bench peers

all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o mangrove ./cmd/mangrove

test: check peers
	$(GO) test -race -timeout 15m ./...

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

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...
