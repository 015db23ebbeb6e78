# Grafana Loki, single process, from its module; go.mod repeats the replacements of Loki's own, which count nowhere else.
set -euo pipefail
export CGO_ENABLED=0 GOWORK=off
go build -mod=readonly -trimpath -o "$1/loki" github.com/grafana/loki/v3/cmd/loki
