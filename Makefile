# make demo | test | fuzz | mutants | soak | matrix | lint | bench
# Everything happens in .venv, which the first of them makes.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
# Processes that run tests side by side: one more than cores, as many tests wait for processes that they have started.
JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

# The first interpreter that starts, is one of ours and can make a venv. `make PYTHON=... demo` chooses another.
CANDIDATES := python3 python3.12 python3.11 python3.13 python3.10 python
FITS := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p -c '$(FITS)' 2>/dev/null && { command -v $$p; break; }; done)

.PHONY: demo test fuzz fuzz-files mutants lint bench clean soak matrix

demo: $(VENV)/demo.stamp
	$(PY) -m tracer --report examples/digits_from_scratch.py

# Both tiers: NumPy runs every program, then Numba compiles every program, in poisoned memory (jit/plan/poison.py). Then
# a sample of the tests in which the tier changes on the way, as it does for users.
test: $(VENV)/dev.stamp
	TRACER_JIT=never $(VENV)/bin/pytest -q -n $(JOBS) --dist loadgroup $(ARGS)
	TRACER_POISON=1 TRACER_JIT=always $(VENV)/bin/pytest -q -n $(JOBS) --dist loadgroup -m "not tierless" $(ARGS)
	TRACER_JIT=auto $(VENV)/bin/pytest -q -n $(JOBS) --dist loadgroup -m "not tierless" --one-in 48 $(ARGS)

# Random programs on all tiers against an independent reference, for so many minutes (MINUTES=120: over 20,000).
fuzz: $(VENV)/dev.stamp
	PYTHONPATH=tests $(PY) -m fuzz --minutes $(or $(MINUTES),2) $(ARGS)

# Mutated .params, .rec, .json and .states files (COUNT=1000000: half an hour): MXNetError or a correct load, little memory.
fuzz-files: $(VENV)/dev.stamp
	PYTHONPATH=tests:tests/helpers $(PY) -m fuzz.files --count $(or $(COUNT),100000) $(ARGS)

# Hours of what processes go through in years: steps, forks, interrupts, kills, damaged caches.
soak: $(VENV)/dev.stamp
	for script in memory forks interrupts cache examples workers; do nice $(PY) tests/soak/$$script.py || exit 1; done

# Small faults in copies of the tree, each of which the tests must catch: all, or those whose names or files begin so.
mutants: $(VENV)/dev.stamp
	PYTHONPATH=tests $(PY) -m mutants.run $(ARGS)

# Python 3.10 to 3.13, each with the oldest and the newest NumPy and Numba, in build/matrix: minutes for each pair.
matrix: $(VENV)/bin/python
	nice $(PY) tests/matrix.py $(ARGS)

lint: $(VENV)/dev.stamp
	$(VENV)/bin/ruff check .
	rm -rf build/tree && mkdir -p build/tree
	cp -R tracer build/tree/tracer && cp -R jit ops build/tree/tracer/
	cd build/tree && ../../$(VENV)/bin/mypy --config-file ../../pyproject.toml
	cd build/tree && ../../$(VENV)/bin/lint-imports --config ../../pyproject.toml --no-cache

bench: $(VENV)/bench.stamp
	$(PY) -m bench $(ARGS)

clean:
	rm -rf $(VENV) build

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.10 to 3.13 with venv (make PYTHON=/path/to/python ...)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(VENV)/bin/python
	$(PY) -m pip install -q --disable-pip-version-check -e '.[examples]'
	@touch $@

$(VENV)/bench.stamp: pyproject.toml | $(VENV)/bin/python
	$(PY) -m pip install -q --disable-pip-version-check -e '.[bench]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/bin/python
	$(PY) -m pip install -q --disable-pip-version-check -e '.[examples,test,dev]'
	@touch $@
