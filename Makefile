# zabkeeper: what a person runs. Everything needs Go only, unless it says so.
SHELL := /bin/bash
VERSION := $(shell git describe --tags --always 2>/dev/null || echo unknown)
LINT_VERSION := v2.15.0
TOOLS := $(CURDIR)/bin/tools
FUZZTIME ?= 10s
DURATION ?= 60s
PARALLEL ?= 2
SCENARIO ?=
CYCLES ?= 2000
POWERCUTS ?= 100
CLUSTERS ?= 4
FAILOVERS ?= 20
TIER2 = ./test_scripts/faults/install_tools.sh && set -o pipefail && go test -count=$(ROUNDS) -timeout 24h -v ./test_scripts/faults -tier 2
QUIETLY = 2>&1 | grep --line-buffered -vE '^=== (RUN|PAUSE|CONT)'
SECONDS ?= 5
ONLY ?=
PEERS ?= zabkeeper,zookeeper,etcd
OUT ?=
faults cycles failover: ROUNDS ?= 1
bench-compare: ROUNDS ?= 5

.PHONY: build try test check layout lint coverage fuzz bench bench-compare mutants faults cycles failover run stop clients clean

build: ## the static binary, bin/zabkeeper
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/zabkeeper/zabkeeper/cli.version=$(VERSION)" -o bin/zabkeeper .

try: build ## build, start three servers, use them, kill the leader, and leave them running
	./test_scripts/try.sh

test: ## everything CI runs: lint, layout, unit and race tests, scripts, other clients
	./test_scripts/all_tests.sh

check: layout ## quick: vet, format, layout and unit tests
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "not gofmt'ed"; exit 1; }
	go vet ./...
	go test ./...

layout: ## names, sizes, package comments and import rings
	go test -count=1 -run 'Imports|Pure|Small|Contract|Names|Transitions' .

$(TOOLS)/golangci-lint:
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

lint: $(TOOLS)/golangci-lint ## golangci-lint with .golangci.yml
	$(TOOLS)/golangci-lint run ./...

coverage: ## docs/coverage.md and its short form in README.md, out of the tests
	go run ./test_scripts/coverage

fuzz: ## every fuzz target for FUZZTIME (10s)
	@set -e; for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; done

bench: ## Go benchmarks of the hot paths, with allocations
	go test -run '^$$' -bench . -benchmem ./zab/... ./tree/... ./wire/... ./storage/wal/... ./peer/...

bench-compare: ## measure ZooKeeper, etcd and zabkeeper in turn; writes docs/benchmarks.md (needs Debian; about an hour)
	./test_scripts/compare/install_servers.sh
	go run ./test_scripts/compare --rounds $(ROUNDS) --seconds $(SECONDS) --only "$(ONLY)" --peers "$(PEERS)" $(if $(OUT),--out "$(OUT)")

run: build ## three servers in the background
	./test_scripts/run3.sh

stop: ## end the servers that run or try started
	./test_scripts/kill.sh

clients: ## kazoo, zkCli.sh and go-zookeeper against three servers (installs Debian packages)
	./test_scripts/clients/install_clients.sh
	go test -count=1 -v ./test_scripts/clients

mutants: ## break one rule at a time; the tests and the simulator have to notice
	./test_scripts/mutants.sh

faults: ## the 24 fault scenarios as root, DURATION (60s) each, PARALLEL (2) at a time, ROUNDS (1) times; SCENARIO=07 for one
	$(TIER2) -run 'Scenario/$(SCENARIO)' -duration $(DURATION) -parallel $(PARALLEL) $(QUIETLY)

cycles: ## as root, CYCLES (2000) kill -9 and POWERCUTS (100) of all servers, with CLUSTERS (4): nothing answered is lost
	$(TIER2) -run 'KillCycles|PowerCycles' -cycles $(CYCLES) -powercuts $(POWERCUTS) -clusters $(CLUSTERS) -parallel $(CLUSTERS) $(QUIETLY)

failover: ## as root, how long writes wait when the leader is killed or isolated, FAILOVERS (20) times each
	$(TIER2) -run Failover -failovers $(FAILOVERS) $(QUIETLY)

clean:
	rm -rf bin run
