# VictoriaLogs, single node, from its module; go.mod and go.sum pin what it is made of.
set -euo pipefail
export CGO_ENABLED=0 GOWORK=off
go build -mod=readonly -trimpath -o "$1/victoria-logs" github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs
