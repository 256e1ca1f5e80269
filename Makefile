# Everything by one command; each target sets up what it needs.
CARGO ?= cargo
BOARD ?= ulx3s
BACKSPIKE = $(CARGO) run --quiet --release --package backspike --

.PHONY: help setup build train test lint generate bitstream flash test-guest bench bench-peers bench-reference clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## install Verilator, Icarus and the synthesis tools (Debian, Ubuntu)
	@scripts/setup

build: setup ## the backspike command
	$(CARGO) build --release

train: build ## train the digits on the RTL in Verilator and prove the weights equal to the emulator's
	$(BACKSPIKE) train examples/digits.toml --device rtl --verify emulator

test: lint ## all checks: formatting, lints, generated files, unit tests, RTL against emulator
	scripts/test
	$(CARGO) run --quiet --package backspike -- generate --check

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

test-guest: build ## a guest in QEMU drives the served device by its own VFIO driver (root, Debian, some 400 MB)
	@scripts/guest

generate: build ## rewrite the checked-in reference tables and C header
	$(BACKSPIKE) generate

bitstream: build ## the bitstream of a board: make bitstream BOARD=ulx3s
	$(BACKSPIKE) bitstream --board $(BOARD)

flash: build ## load it: make flash BOARD=ulx3s
	$(BACKSPIKE) flash --board $(BOARD)

bench: build ## engine efficiency and simulation speed of the RTL, throughput of the emulator, overhead of the host link
	$(BACKSPIKE) data mnist
	python3 bench/measure.py rtl
	python3 bench/measure.py throughput
	python3 bench/measure.py link

bench-peers: build build/bench-venv ## emulator throughput beside snnTorch, SpikingJelly and Norse
	$(BACKSPIKE) data mnist
	python3 bench/measure.py throughput --peers

bench-reference: build/bench-venv ## energy of training by the cost model of a published chip
	build/bench-venv/bin/python bench/reference.py

build/bench-venv: bench/requirements.txt
	python3 -m venv --clear $@
	$@/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean: ## remove what was built
	$(CARGO) clean
	rm -rf build
