# `make demo` and `make test` work in a fresh clone with nothing installed but Python (3.11 or later) and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help

.PHONY: help
help:
	@echo 'make demo       spot keywords on the simulated chip (about a minute after the set-up)'
	@echo 'make test       check style, types and layers, then run all tests'
	@echo 'make test-long  the tests that take minutes'
	@echo 'make golden     compute the golden numbers again, old beside new (WRITE=1 keeps them)'
	@echo 'make lint       style, types and layers only'
	@echo 'make mutants    how many small faults the tests of four central sources notice (a quarter of an hour)'
	@echo 'make bench      measure the speed of the hot paths'
	@echo 'make train-kws  train the keyword network that ships (DATA=recordings TEACHER=folder)'
	@echo 'make train-rnnt train the speech network that ships (docs/rnnt.md names the packages it needs)'
	@echo 'make docs       write the generated tables of docs/ anew'
	@echo 'make rnnt-results  the experiments of docs/rnnt-on-chip.md (half an hour)'
	@echo 'make readme     run the commands of README.md and show their output there'
	@echo 'make clean      remove the virtual environment, caches and results'

# Other targets depend on this file, so that an edited pyproject.toml or constraints.txt installs anew.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo 'error: pcmesh needs Python 3.11 or later as $(PYTHON); name another with: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	    { echo 'error: $(PYTHON) lacks venv; install it (Debian and Ubuntu: apt install python3-venv)' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: demo
demo: $(INSTALLED)
	$(BIN)/pcmesh kws

.PHONY: lint
lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# One thread a process: two processes with as many threads as cores each only wait for one another.
.PHONY: test
test: lint
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/pytest -n 2

.PHONY: mutants
mutants: $(INSTALLED)
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m tests.mutation

.PHONY: test-long
test-long: $(INSTALLED)
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/pytest -n 2 -m long

.PHONY: golden
golden: $(INSTALLED)
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m tests.golden.numbers $(if $(WRITE),--write)

.PHONY: bench
bench: $(INSTALLED)
	@for benchmark in benchmarks/bench_*.py; do echo "== $$benchmark"; OMP_WAIT_POLICY=PASSIVE $(BIN)/python $$benchmark || exit 1; done

DATA ?= ../shared/data/gsc_test
TEACHER ?= ../shared/data/kws_teacher
.PHONY: train-kws
train-kws: $(INSTALLED)
	$(BIN)/python -m pcmesh.recipes.kws.train --data $(DATA) --teacher $(TEACHER)

# glibc gives large buffers back after each step and asks for them again: kept, a step takes a third less.
KEEP_BUFFERS := MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184 GLIBC_TUNABLES=glibc.malloc.hugetlb=1
.PHONY: train-rnnt
train-rnnt: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train]'
	$(KEEP_BUFFERS) $(BIN)/python -m pcmesh.recipes.rnnt.train

.PHONY: docs
docs: $(INSTALLED)
	$(BIN)/python docs/reference.py

.PHONY: rnnt-results
rnnt-results: $(INSTALLED)
	$(BIN)/python docs/rnnt_results.py

.PHONY: readme
readme: $(INSTALLED)
	$(BIN)/python docs/outputs.py

.PHONY: clean
clean:
	rm -rf $(VENV) runs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
