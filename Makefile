# `make demo` and `make test` need only git, make and Python 3.11; everything else they set up themselves,
# in this folder (.uv, .venv) and in Stemma's data folder.
SHELL := /bin/sh
.DEFAULT_GOAL := help
# A shell that forbids bytecode would make every start compile 200 packages again.
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE := 1
export UV_PYTHON_DOWNLOADS := never
export UV_CACHE_DIR ?= $(CURDIR)/.uv/cache

UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/.uv/bin/uv)
STEMMA := .venv/bin/stemma
PYTHON := .venv/bin/python
DEMO_PACKAGES := click typer tabulate wcwidth
SITE := $$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

.PHONY: help setup demo up test lint bench docs

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: .venv/.ready ## Set up uv and the virtual environment

.venv/.ready: pyproject.toml uv.lock
	@test -x "$(UV)" || sh deploy/get-uv.sh "$(CURDIR)/.uv"
	@"$(UV)" sync --locked --quiet --python python3.11
	@touch $@

demo: setup ## From git to answers over this project and four of its packages, or REPO=<path or URL>
ifdef REPO
	@$(STEMMA) repo add "$(REPO)"
else
	@$(STEMMA) repo add . --name stemma
	@for package in $(DEMO_PACKAGES); do $(STEMMA) repo add "$(SITE)/$$package" --name $$package || exit; done
endif
	@$(STEMMA) run

up: setup ## Postgres, the Dagster UI and its daemon; Ctrl-C stops them
	@$(STEMMA) up

test: setup ## Every test
	@$(PYTHON) -m pytest

lint: setup ## Formatting, lint, types and the rule of imports
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: setup ## Measure every phase; writes bench/results
	@$(PYTHON) -m bench

docs: setup ## Fill in the README's commands with their real output
	@$(PYTHON) -m docs.readme
