# Everything by one command; each target sets up what it needs.
CARGO ?= cargo
BACKSPIKE = $(CARGO) run --quiet --release --package backspike --

.PHONY: help setup build train test lint generate bench bench-peers clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## install Verilator, Icarus and Yosys (Debian, Ubuntu)
	@scripts/setup

build: setup ## the backspike command
	$(CARGO) build --release

train: build ## train the digits on the RTL in Verilator and prove the weights equal to the emulator's
	$(BACKSPIKE) train examples/digits.toml --device rtl --verify emulator

test: lint ## all checks: formatting, lints, generated files, unit tests, RTL against emulator
	$(CARGO) test --workspace
	$(BACKSPIKE) generate --check

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

generate: build ## rewrite the checked-in reference tables and C header
	$(BACKSPIKE) generate

bench: build ## engine efficiency, simulation speed and emulator throughput
	bench/run

bench-peers: build ## emulator throughput against snnTorch, SpikingJelly and Norse
	bench/peers

clean: ## remove what was built
	$(CARGO) clean
	rm -rf build
