# The image of Penstock; docs/operate.md, "Install", says how to build and run it. Where npm reaches its registry through a proxy or
# with a certificate authority of its own, it takes that from a secret: --secret id=npmrc,src=$HOME/.npmrc
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /opt/penstock
COPY package.json package-lock.json ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.types.json build.ts bundle.ts sbom.ts ./
COPY src ./src
RUN npm run build && rm -r dist/*.map dist/types && npm run --silent sbom > dist/sbom.cdx.json

FROM ${NODE_IMAGE}
# Where this was built from: --build-arg SOURCE=… --build-arg VERSION=…
ARG SOURCE=""
ARG VERSION=""
LABEL org.opencontainers.image.title="Penstock" \
      org.opencontainers.image.description="Polls security APIs that only answer when asked, and ships their records as ECS-shaped OpenTelemetry log records." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}"
# The bundle has its dependencies in it, and their licences in LICENSES.txt. Nothing reads its source maps here.
COPY --from=build /opt/penstock/dist /opt/penstock/dist
COPY package.json LICENSE /opt/penstock/
# No package manager that could fetch anything (what Debian's has installed stays listed, for scanners), no program with rights
# of its own, and no directory that everybody may write to, /tmp neither.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
      /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* /usr/*bin/apt* /usr/*bin/dpkg* /usr/lib/apt \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && find / -xdev -type d -perm -0002 -exec chmod o-w {} + \
    && ln -s /opt/penstock/dist/main.js /usr/local/bin/penstock \
    && mkdir -p /etc/penstock /var/lib/penstock \
    && chown 65532:65532 /var/lib/penstock \
    && chmod 0750 /var/lib/penstock
# The demo and SQLite put what is temporary, and Node compiled code, where they may write.
ENV NODE_ENV=production TMPDIR=/var/lib/penstock XDG_CACHE_HOME=/var/lib/penstock/.cache
USER 65532:65532
# So the default state.path, ./state, is /var/lib/penstock/state.
WORKDIR /var/lib/penstock
VOLUME /var/lib/penstock
HEALTHCHECK --interval=1m --timeout=30s --start-period=5m --retries=3 CMD ["penstock", "status", "--check"]
ENTRYPOINT ["penstock"]
CMD ["run"]
