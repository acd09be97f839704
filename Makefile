# `make demo` and `make test` are all that most people need; `make` lists the rest.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint doc check fmt python clients qgis openapi bench-tile bench-build bench-http bench-fill bench-peers clean-data

CARGO ?= cargo

# nextest runs each test in its own process and reports better; cargo's own
# runner does where it is not installed.
RUN_TESTS := $(if $(shell command -v cargo-nextest 2>/dev/null),nextest run,test --lib --bins --tests)

# There after `make python`: tests that ask other readers about our cubes use it, or
# say that they are skipped.
ifneq ($(wildcard target/python/.installed),)
export CUBETILER_PYTHON ?= $(abspath target/python/bin/python)
endif

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Install what the build and the demo need (apt-get as root, else a hint)
	@tools/setup.sh

demo: setup ## Build a map of a generated archive while you look at it (ARGS='--help' for options)
	$(CARGO) run --locked -- demo $(ARGS)

test: ## Run every test
	@tools/setup.sh --tests
	$(CARGO) test --locked --doc
	$(CARGO) $(RUN_TESTS) --locked

lint: setup ## Check the format and the lints
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

doc: setup ## Build the documentation, private items too
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items

check: lint doc test ## Everything a change has to pass

fmt: ## Format the code
	$(CARGO) fmt

python: ## Install the Python readers, so that `make test` asks them too
	@tools/setup.sh --python

# Built as `make test` builds it, so that nothing is compiled twice.
CLIENTS = $(CARGO) test --locked --no-run --test it && python3 tests/clients/run.py

clients: ## Ask a server with real clients: map pages, GDAL, OWSLib, MapProxy, pystac-client
	@tools/setup.sh --clients
	$(CLIENTS) maps readers

qgis: ## Ask a server with QGIS (installs 1 GB)
	@tools/setup.sh --qgis
	$(CLIENTS) qgis

openapi: ## Ask all that the OpenAPI document names, 2,000 requests made up by schemathesis
	@tools/setup.sh --clients
	$(CLIENTS) openapi

bench-tile: setup ## Measure what a tile costs (Linux; writes 0.4 GB once)
	$(CARGO) bench --locked --bench tile

bench-build: setup ## Measure what building a chunk costs (Linux; draws 1.5 GB once)
	$(CARGO) bench --locked --bench build

# The benchmark's cube, which is written if it is not there.
BENCH_CUBE = cube=$$($(CARGO) bench --locked --bench tile -- --cube)

bench-http: setup ## Measure what the release server serves (needs wrk; ARGS='--help')
	$(CARGO) build --locked --release
	$(BENCH_CUBE) && python3 benches/http/run.py --cube "$$cube" $(ARGS)

bench-fill: setup ## Measure tiles while the same server fills a cube (needs wrk)
	$(CARGO) build --locked --release
	$(BENCH_CUBE) && python3 benches/http/fill.py --cube "$$cube" $(ARGS)

bench-peers: setup ## Serve the same tiles with TiTiler and xpublish-tiles (installs 1.3 GB)
	$(CARGO) build --locked --release
	$(BENCH_CUBE) && python3 benches/peers/run.py --cube "$$cube" $(ARGS)

clean-data: ## Remove what the demo has built
	rm -rf demo-data
