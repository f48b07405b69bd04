# The commands of Manifold OMS. `make` alone lists them.
# Only relative paths are used here, so that a checkout works in a folder whose name contains a space.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PORT ?= 8000
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --no-deps --require-hashes
RUN_STAMP := $(VENV)/installed-run
DEV_STAMP := $(VENV)/installed-dev

# `make test ARGS="tests/kit -x"` passes these arguments to the tool.
ARGS ?=
WORKERS ?= 2

.PHONY: help setup run upgrade test test-db test-db-slow test-slow lint format types bench e2e messages requirements demo-fixture \
	opencart-extension opencart-lab contract chaos cluster-test clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{printf "%-26s %s\n", $$1, $$2}'

# --- the environment -------------------------------------------------------------------------------

$(PY):
	@test -n "$(PYTHON)" || { echo "Manifold OMS needs Python 3.11 or newer: install it, or give its path with PYTHON=/path/to/python3." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot create virtual environments: on Debian and Ubuntu, install the package python3-venv." >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV)

$(RUN_STAMP): requirements.txt | $(PY)
	@echo "Installing the packages that Manifold OMS needs to run..."
	@$(INSTALL) -r requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt | $(PY)
	@echo "Installing the packages that the tests and tools need..."
	@$(INSTALL) -r requirements-dev.txt
	@touch $(RUN_STAMP) $@

setup: $(DEV_STAMP) ## create .venv with all packages, and settings for this machine in var/env
	@$(PY) -m oms.devserver.local_settings

requirements: ## pin requirements*.in again, with hashes (needs uv)
	uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --custom-compile-command "make requirements" requirements.in -o requirements.txt
	uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --custom-compile-command "make requirements" requirements-dev.in -o requirements-dev.txt

# --- running it ------------------------------------------------------------------------------------

run: $(RUN_STAMP) ## run the whole system with demo data, until Ctrl-C (PORT=8000)
	@exec $(PY) manage.py run --port "$(PORT)" --end-with-parent $(ARGS)

upgrade: ## bring this checkout to VERSION (a tag; else the newest): back up, install, migrate, restart, or go back
	@MANIFOLD_HOME="$(CURDIR)" MANIFOLD_ENV="$(or $(OMS_ENV_FILE),$(CURDIR)/.env)" MANIFOLD_USER="$$(id -un)" MANIFOLD_BACKUPS="$(CURDIR)/var/backups" \
	MANIFOLD_SYSTEMCTL="$(or $(SYSTEMCTL),true)" MANIFOLD_READY="$(READY)" sh contrib/debian/upgrade.sh $(VERSION)

# --- checking it -----------------------------------------------------------------------------------

test: $(DEV_STAMP) ## run the tests on SQLite; ends with the requirements that no test names
	DATABASE_URL= REDIS_URL= $(PY) -m pytest -n $(WORKERS) --dist worksteal --reqs $(ARGS)

# pytest creates its own database on the named server, so the data of the named database does not change. The Redis database is emptied.
test-db: export DATABASE_URL ?= postgres://127.0.0.1:5432/manifold_ci
test-db: export REDIS_URL ?= redis://127.0.0.1:6379/9
test-db: $(DEV_STAMP) ## run the tests marked db, on PostgreSQL and Redis (DATABASE_URL, REDIS_URL)
	$(PY) -m pytest -m "db and not slow" $(ARGS)

test-db-slow: export DATABASE_URL ?= postgres://127.0.0.1:5432/manifold_ci
test-db-slow: export REDIS_URL ?= redis://127.0.0.1:6379/9
test-db-slow: $(DEV_STAMP) ## run the long tests marked db (DATABASE_URL, REDIS_URL)
	$(PY) -m pytest -m "db and slow" $(ARGS)

# The order of sets is the same in every run, so that the generators try the same examples.
test-slow: export PYTHONHASHSEED ?= 0
test-slow: $(DEV_STAMP) ## run the long generators, races and kills that need no server (SQLite)
	DATABASE_URL= REDIS_URL= $(PY) -m pytest -n $(WORKERS) --dist worksteal -m "slow and not db and not e2e" $(ARGS)

e2e: $(DEV_STAMP) ## run the browser tests, in the Chromium that is installed on this machine
	DATABASE_URL= REDIS_URL= $(PY) -m pytest -m e2e $(ARGS)

lint: $(DEV_STAMP) ## check format, lint, import contracts
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(VENV)/bin/lint-imports --no-cache

format: $(DEV_STAMP) ## format the code
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

types: $(DEV_STAMP) ## check types (mypy, strict)
	$(PY) -m mypy .

bench: $(DEV_STAMP) ## run the benchmarks (ONLY=name: one of them); table at the end, figures in benchmarks/results
	$(PY) -m benchmarks $(ONLY) $(ARGS)

chaos: $(DEV_STAMP) ## harm a running installation, then count: PostgreSQL and SQLite (ROUNDS=200, SEED=7; docs/scaling.md)
	@ROUNDS="$(ROUNDS)" SEED="$(SEED)" $(PY) -m contrib.trials.chaos $(ARGS)

cluster-test: $(DEV_STAMP) ## run several hosts as network namespaces, without and with Redis (needs root)
	@$(PY) -m contrib.trials.cluster $(ARGS)

contract: $(DEV_STAMP) ## check clients and sandboxes against the channels' OpenAPI files with Prism (OMS_SPECS=folder; needs npm)
	@DATABASE_URL= REDIS_URL= $(PY) contrib/contract/run.py $(ARGS)

demo-fixture: $(DEV_STAMP) ## create fixtures/demo.json again, from the sandbox
	@rm -rf build/demo && mkdir -p build/demo
	OMS_VAR_DIR=build/demo OMS_ENV_FILE= OMS_DEMO=true OMS_HTTPS=false OMS_ALLOWED_PRIVATE_HOSTS=127.0.0.1 DATABASE_URL= \
	SECRET_KEY=only-for-the-fixture-0123456789-abcdefghijklmnopqrstuvwxyz \
	OMS_CREDENTIAL_KEYS=$$($(PY) -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())") \
	$(PY) manage.py shell -c "from oms.devserver import demo_fixture; demo_fixture.main()"

messages: $(DEV_STAMP) ## collect the translatable strings into oms/locale/ and compile them (needs gettext)
	$(PY) manage.py makemessages --all --no-location --ignore .venv --ignore var --ignore tests
	$(PY) manage.py compilemessages --ignore .venv --ignore var

# --- OpenCart --------------------------------------------------------------------------------------

opencart-extension: ## build the two zips of our OpenCart extension
	@sh contrib/opencart/build.sh

opencart-lab: $(RUN_STAMP) ## test every step with a real, running OpenCart (SHOP=http://...)
	@test -n "$(SHOP)" || { echo "Give the address of the shop: make opencart-lab SHOP=http://127.0.0.1:8080" >&2; exit 2; }
	@PYTHONPATH=. exec $(PY) contrib/opencart/lab.py "$(SHOP)" $(ARGS)

clean: ## remove the files that the tools created; var/ (your data) stays
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov build dist
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
