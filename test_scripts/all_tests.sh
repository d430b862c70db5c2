#!/usr/bin/env bash
# Every test, in the order in which a failure is cheapest: formatting and vet,
# layout, lint, unit tests with the race detector, then real processes, other
# clients and scripts. Ends with the test runner's own lines.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s (%s)\n' "$*" "$(date +%T)"; }
slow='test_scripts/'

step "formatting and vet"
unformatted=$(gofmt -l $(git ls-files '*.go'))
[ -z "$unformatted" ] || { echo "not gofmt'ed: $unformatted" >&2; exit 1; }
go vet ./...

step "other ZooKeeper clients are installed"
./test_scripts/clients/install_clients.sh

step "lint"
make --no-print-directory lint

step "layout and unit tests with the race detector"
mapfile -t packages < <(go list ./... | grep -v "$slow")
go test -race -timeout 10m "${packages[@]}"

step "what a request may allocate, which the race detector would change"
go test -count=1 -run Allocations ./node/...

step "fresh seeds, and a few mutants that must not pass"
go run . simulate --seeds 100 # in each mode
./test_scripts/mutants.sh 15 M1 M5 M7 M16 M19 M22 M27 M47

step "without cgo and for other systems"
CGO_ENABLED=0 go build -o /dev/null .
GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 go vet ./storage/... ./node/... ./peer/...

step "the load for etcd, a module of its own"
(cd test_scripts/bench_etcd && go vet ./... && go test -count=1 ./...)

step "the launcher scripts"
./test_scripts/scripts_test.sh
PHASE=2 ./test_scripts/phases.sh

step "real processes and other clients"
mapfile -t packages < <(go list ./test_scripts/... | grep -v 'test_scripts/faults$')
go test -count=1 -timeout 15m -p 1 "${packages[@]}"

step "faults on real processes, as far as they need no root"
go test -count=1 -timeout 10m -v ./test_scripts/faults | grep --line-buffered -vE '^=== (RUN|PAUSE|CONT)'
