# callmesh: everyday commands. Needs Python >= 3.11, make and git; everything else is installed below .venv.
# `make help` lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.setup
# Many tests wait for something: four workers keep two cores busy.
WORKERS ?= 4
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONWARNINGS :=
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup gen demo screenshots test check lint types layers protos bench lock baseline model clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## build .venv from the hash-pinned lock and generate code

$(STAMP): requirements.lock pyproject.toml services/generate.py $(shell find protos -name '*.proto')
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "callmesh needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what requirements.lock pins (first time: a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python services/generate.py 2>$(VENV)/generate.log || { cat $(VENV)/generate.log; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m callmesh.classification.compiled_file
	@$(BIN)/python -m compileall -q services/callmesh
	@touch $@

gen: setup ## generate callmesh.api and callmesh.facts from protos/
	@$(BIN)/python services/generate.py 2>$(VENV)/generate.log || { cat $(VENV)/generate.log; exit 1; }

demo: setup ## start the whole mesh, play a day of calls; ONCE=1 ends by itself
	@$(BIN)/callmesh demo

screenshots: setup ## pictures of every page of the console, in screenshots/ (needs Chromium)
	@CALLMESH_SCREENSHOTS=$(CURDIR)/screenshots $(BIN)/python -m pytest tests/console/test_console_pictures.py

test: setup ## all tests
	@$(BIN)/python -m pytest -n $(WORKERS)

check: lint types layers protos ## style, types, layers, contract

lint: setup
	@$(BIN)/ruff check services tests
	@$(BIN)/ruff format --check services tests

types: setup
	@$(BIN)/mypy

layers: setup
	@cd services && ../$(BIN)/lint-imports --config ../pyproject.toml

protos: gen
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code protos
	@$(BIN)/buf breaking protos --against protos/baseline.binpb

bench: setup ## figures beside their floors, measured in the same run
	@$(BIN)/callmesh bench

lock: setup ## pin all dependencies anew (needs uv in .venv: pip install uv)
	@$(BIN)/uv pip compile pyproject.toml --extra dev --extra postgres --extra training --extra console --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet -o requirements.lock

model: setup ## train the shipped model anew from our own reports; the suite must hold
	@$(BIN)/callmesh classify train --corpus --out services/callmesh/classification/data

baseline: gen ## accept the contract as it is as the new baseline
	@$(BIN)/buf build protos -o protos/baseline.binpb

clean: ## remove everything that was built
	@rm -rf $(VENV) .build .callmesh services/callmesh/api services/callmesh/facts services/callmesh/classification/built
