# Every recipe is a few lines; what is longer is a script in tests/tools/.
# A fresh machine needs cargo (rustup), go, python3 and a C compiler; the rest is built on first use and
# kept in $SOC2_CACHE, $XDG_CACHE_HOME or ~/.cache, under soc2-operator/.

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
TARGET := $(or $(CARGO_TARGET_DIR),target)
# One set of packages for every release build: other sets would compile shared crates a second time.
RELEASE := cargo build --release --bins -p soc2-operator -p soc2-cli -p aws-sandbox -p e2e -p bench

.DEFAULT_GOAL := help
.PHONY: help demo up test soak lint bench crds tools clean

##@ See it work
demo: ## The operator on a real Kubernetes API and a strict AWS, on this machine (DEMO_EXIT=1: end after the last step)
	$(RELEASE)
	$(TARGET)/release/demo

up: ## A Kubernetes API server with our CRDs, in the foreground; its state stays in .up/
	cargo run --quiet -p controlplane -- up --dir .up --crds crds/generated

##@ Change it
test: ## Everything that must hold before a commit, with the time of each stage
	tests/tools/run-stages.sh

lint: ## Only the first stage of test: rustfmt, clippy, cargo-deny
	tests/tools/run-stages.sh lint

crds: ## Write crds/generated and the chart of kinds from the types in crds/src, and the README of the chart
	cargo run --quiet -p soc2-crds --bin crdgen
	tests/tools/chart-readme.py

##@ Know more
soak: ## Properties and end-to-end tests in their long versions, and ten minutes of fuzzing for each target
	SOC2_SOAK=1 tests/tools/run-stages.sh build tools unit+clients+servers+fuzz e2e

bench: ## The figures of docs, printed as `name value unit`, the largest world last (an hour; `target/release/bench SECTION...` for some)
	$(RELEASE)
	$(TARGET)/release/bench
	$(TARGET)/release/bench scale

##@ Housekeeping
tools: ## Build or install the tools that tests need, and print where they are
	@tests/tools/ensure-cargo-deny.sh
	@tests/tools/ensure-venv.sh
	@cargo run --quiet -p controlplane -- tools

clean: ## Remove what was built here; the tools in the cache stay
	cargo clean
	rm -rf .up .demo

help:
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
