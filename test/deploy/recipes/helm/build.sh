# Helm, as the module has it.
set -euo pipefail
export CGO_ENABLED=0 GOWORK=off
go build -mod=readonly -trimpath -ldflags '-s -w' -o "$1/helm" helm.sh/helm/v4/cmd/helm
