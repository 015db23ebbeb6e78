# Compose's own loader, which reads a file as `docker compose` does.
set -euo pipefail
export CGO_ENABLED=0 GOWORK=off
go build -mod=readonly -trimpath -ldflags '-s -w' -o "$1/compose-load" .
