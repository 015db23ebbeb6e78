# OpenSearch as jars, started in one process by its runner. Every jar is checked against checksums.sha256.
set -euo pipefail
mvn --batch-mode --no-transfer-progress --quiet \
  org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$1/lib"
(cd "$1/lib" && sha256sum --quiet --check --strict) <checksums.sha256
# A jar without a checksum is none that was looked at.
test "$(find "$1/lib" -name '*.jar' | wc -l)" -eq "$(wc -l <checksums.sha256)"
