# An OpenTelemetry Collector of the components in builder.yaml. The builder writes the program; which modules it is made
# of, and the builder itself, are pinned by go.mod and go.sum here, which replace those that it writes.
set -euo pipefail
export CGO_ENABLED=0 GOWORK=off
go tool builder --config builder.yaml --skip-get-modules --skip-compilation
cp go.mod go.sum program/
cd program
go build -mod=readonly -trimpath -o "$1/otelcol" .
