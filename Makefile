# make install   .venv with everything needed to run and to test
# make demo      install, then the main study in its quick preset: data, map, scores, page
# make test      install, then the tests, all but the slow ones
# make test-slow install, then the slow ones: studies in their tiny presets, killed sweeps, long records
# make lint      ruff (rules and format) and mypy
# make format    let ruff rewrite what it can
# make catalogue write docs/catalogue.md from the registries
# make docs      the documentation as HTML in docs/_build (installs Sphinx)
#
# PYTHON=python3.12 picks an interpreter; PIP_EXTRA="..." passes options to pip (an index, a proxy).

PYTHON ?= python3
VENV ?= .venv
PIP_EXTRA ?=
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
TEST_JOBS ?= 2
PYTEST_ARGS ?=
DEMO_OUT ?= runs/bursting-map

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CONSTRAINTS := .ci/constraints.txt
# One thread per process: the cores are used by processes, and small matrices lose by threading.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow lint format catalogue docs clean

help:
	@sed -n '1,10p' Makefile | sed 's/^# \{0,1\}//'

install: $(STAMP)

$(STAMP): pyproject.toml $(CONSTRAINTS) .ci/install
	@PYTHON="$(PYTHON)" VENV="$(VENV)" CONSTRAINTS="$(CONSTRAINTS)" PIP_EXTRA='$(PIP_EXTRA)' \
	  TORCH_CPU_INDEX="$(TORCH_CPU_INDEX)" .ci/install
	@touch $(STAMP)

demo: install
	$(ONE_THREAD) $(BIN)/snnsurrogate study bursting-map --preset quick --out $(DEMO_OUT)

test: SELECTED := not slow
test-slow: SELECTED := slow
test test-slow: install
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(TEST_JOBS) --dist worksteal -m "$(SELECTED)" $(PYTEST_ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

catalogue: install
	$(BIN)/snnsurrogate systems --markdown > docs/catalogue.md

docs: install
	$(BIN)/python -m pip install -q $(PIP_EXTRA) -c $(CONSTRAINTS) -e ".[docs]"
	$(BIN)/python -m sphinx -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache docs/_build
