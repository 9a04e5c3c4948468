# One build, three programs, each a small image of its own: --target edge-proxy | resizer | s3-store.
# Both base images can be replaced: docker build --build-arg RUNTIME_IMAGE=registry.example.com/distroless-cc .
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked -p edge-proxy -p resizer -p e2e --bins \
    && mkdir -p /out/cache \
    && cp target/dist/edge-proxy target/dist/resizer target/dist/s3-store /out/

FROM ${RUNTIME_IMAGE} AS edge-proxy
COPY --from=build --chown=65532:65532 /out/cache /var/cache/tandem
COPY --from=build /out/edge-proxy /usr/local/bin/edge-proxy
USER 65532:65532
VOLUME /var/cache/tandem
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/edge-proxy"]

FROM ${RUNTIME_IMAGE} AS resizer
COPY --from=build /out/resizer /usr/local/bin/resizer
USER 65532:65532
ENV RESIZER_LISTEN=0.0.0.0:11337
EXPOSE 11337
ENTRYPOINT ["/usr/local/bin/resizer"]

# An S3-compatible store for trying out. A real site uses its own bucket.
FROM ${RUNTIME_IMAGE} AS s3-store
COPY --from=build --chown=65532:65532 /out/cache /data
COPY --from=build /out/s3-store /usr/local/bin/s3-store
USER 65532:65532
VOLUME /data
EXPOSE 9000
ENTRYPOINT ["/usr/local/bin/s3-store"]
