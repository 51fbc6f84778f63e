# Every command of this repository; `make` alone lists them.

# A Python 3.11 to 3.14, for the tools and the demo.
PYTHON ?= python3
# The tables of `make benchmark`: container, app, deploy, render, growth, doctor or fifty; all, if
# empty.
TABLES ?=
# What `make pictures` draws: questions, doctor or deployment; all, if empty.
PICTURES ?=
BIN := .venv/bin
TOGETHER := --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: help demo test test-fast test-long test-renovate lint benchmark golden data pictures pins clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

demo: ## Render the tutorial's project, set it up and run its flow
	@$(PYTHON) scripts/demo.py

test: .venv/ready ## Run the tests, in more processes than there are cores
	$(BIN)/python -m pytest $(TOGETHER) -m "not long"

test-long: .venv/ready ## Run the others: each document to its end, each Python, Prefect and release
	$(BIN)/python -m pytest $(TOGETHER) -m long

test-fast: .venv/ready ## Run the tests that start no Prefect server (some minutes)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not long" tests/test_*.py tests/tools

test-renovate: .venv/renovate/ready ## Run Renovate itself over a rendered project and over this repository
	$(BIN)/python -m pytest tests/renovate

lint: .venv/ready ## Lint this repository and a rendered project
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	$(BIN)/shellcheck .ci/run scripts/*.sh
	$(BIN)/python -m scripts.linters

benchmark: .venv/ready ## Measure starts, deploys and renders (about half an hour)
	PYTHONPATH=template $(BIN)/python -u -m benchmarks $(TABLES)

golden: .venv/ready ## Refresh tests/golden/tutorial and the table of questions in README.md
	rm -rf tests/golden/tutorial && $(BIN)/python -m scripts.golden tests/golden/tutorial
	$(BIN)/python -m scripts.questions_table

data: .venv/ready ## Refresh the time zones and the names of Python's modules in extensions/data
	$(BIN)/python -m scripts.data

pictures: .venv/ready ## Refresh docs/pictures; the deployment needs Debian's chromium
	PYTHONPATH=template $(BIN)/python -m scripts.pictures $(PICTURES)

pins: .venv/ready ## Pin the newest versions of all tools in constraints.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate \
		requirements.txt --output-file constraints.txt
	$(BIN)/python -m scripts.workflow_tools

clean: ## Remove the files of the other commands
	rm -rf .venv .python .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/ready: requirements.txt constraints.txt package.json
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --requirement requirements.txt
	cp package.json .venv/ && PATH="$(CURDIR)/$(BIN):$$PATH" npm install --silent --no-package-lock --ignore-scripts --prefix .venv
	touch $@

.venv/renovate/ready: tests/renovate/package.json .venv/ready
	mkdir -p $(@D) && cp $< $(@D)/
	PATH="$(CURDIR)/$(BIN):$$PATH" npm install --silent --no-package-lock --ignore-scripts --prefix $(@D)
	touch $@
