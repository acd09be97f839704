# Not tried with a Docker engine; see CONTRIBUTING.md.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++ make pkg-config sqlite3 libsqlite3-dev nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libsqlite3-0 libstdc++6 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home cubetiler \
 && mkdir /data && chown cubetiler /data
LABEL org.opencontainers.image.title="CubeTiler" \
      org.opencontainers.image.description="A tile server over Zarr data cubes that builds the cube it serves" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /build/target/release/cubetiler /usr/local/bin/cubetiler
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
# PROJ's database is inside the binary, and a foreign one would break it: PROJ_DATA stays unset.
HEALTHCHECK --interval=30s --timeout=6s CMD ["cubetiler", "health"]
ENTRYPOINT ["cubetiler"]
CMD ["serve", "--bind", "0.0.0.0:8080"]
