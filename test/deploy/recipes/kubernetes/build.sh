# An API server and kubectl. The version is what they say of themselves, as the project's own build sets it.
set -euo pipefail
export CGO_ENABLED=0 GOWORK=off
version="$(go list -m -f '{{.Version}}' k8s.io/kubernetes)"
minor="${version#v1.}"
stamp='k8s.io/component-base/version'
go build -mod=readonly -trimpath -o "$1/" \
  -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" \
  k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl
