# syntax=docker/dockerfile:1
#
# Four images from one file:
#   docker build --target reconciler --build-arg VERSION=0.1.0 -t reconciler:0.1.0 .
#   docker build --target api        --build-arg VERSION=0.1.0 -t job-api:0.1.0 .
#   docker build --target worker     --build-arg VERSION=0.1.0 -t job-worker:0.1.0 .
#   docker build --target migrate    --build-arg VERSION=0.1.0 -t job-migrate:0.1.0 .
#
# For a release, pin both base images by digest.

FROM rust:1.95-bookworm AS source
WORKDIR /source
# libz-sys links to libz.so where the build image has one, and the image below promises none.
ENV LIBZ_SYS_STATIC=1
COPY . .

# Without default features: the simulator has no place in production.
FROM source AS build-reconciler
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=target-reconciler,target=/source/target \
    cargo build --release --locked -p reconciler --no-default-features \
    && install -D target/release/reconciler /out/reconciler \
    && mkdir /out/data

FROM source AS build-apps
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=target-apps,target=/source/target \
    cargo build --release --locked -p api -p worker -p migrate \
    && install -D -t /out target/release/api target/release/worker target/release/job-migrate \
    && mkdir /out/data

# glibc, libgcc and CA certificates; no shell, no package manager. User 65532.
FROM gcr.io/distroless/cc-debian12:nonroot AS runtime
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY LICENSE NOTICE /usr/share/doc/reconciler/
USER 65532:65532

FROM runtime AS reconciler
LABEL org.opencontainers.image.title="reconciler" \
      org.opencontainers.image.description="GitOps for Amazon ECS in one binary"
COPY --from=build-reconciler /out/reconciler /usr/local/bin/reconciler
# The clone and the ledger: the only place it writes to.
COPY --from=build-reconciler --chown=65532:65532 /out/data /data
WORKDIR /data
# ECS gives a mounted volume the directory's owner only if the image declares it.
VOLUME /data
ENTRYPOINT ["/usr/local/bin/reconciler"]
CMD ["run"]

FROM runtime AS api
ARG VERSION=0.0.0-dev
LABEL org.opencontainers.image.title="job-api" \
      org.opencontainers.image.description="The bundled job API"
COPY --from=build-apps /out/api /usr/local/bin/api
COPY --from=build-apps --chown=65532:65532 /out/data /data
WORKDIR /data
VOLUME /data
ENV APP_VERSION=${VERSION}
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/api"]

FROM runtime AS worker
ARG VERSION=0.0.0-dev
LABEL org.opencontainers.image.title="job-worker" \
      org.opencontainers.image.description="The bundled job worker"
COPY --from=build-apps /out/worker /usr/local/bin/worker
COPY --from=build-apps --chown=65532:65532 /out/data /data
WORKDIR /data
VOLUME /data
ENV APP_VERSION=${VERSION}
ENTRYPOINT ["/usr/local/bin/worker"]

FROM runtime AS migrate
LABEL org.opencontainers.image.title="job-migrate" \
      org.opencontainers.image.description="Brings the job system's database to its schema, once per release"
COPY --from=build-apps /out/job-migrate /usr/local/bin/job-migrate
ENTRYPOINT ["/usr/local/bin/job-migrate"]
