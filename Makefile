# The verbs of this project. `make run` and `make test` need nothing but Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
UPGRADE ?=

.PHONY: run test check bench docs wheel lock vendor clean help

help: ## list the verbs
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 8

run: $(VENV)/default ## make the environment, start the server and talk to the demo model
	@$(BIN)/modelyard serve --launch modelyard-demo --demo-base

test: ## install what the tests need and run them all
	@VENV=$(VENV) $(PYTHON) -m tools.run_tests

check: $(VENV)/dev ## format, lint, types and imports, without running anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tools.page_check

bench: $(VENV)/dev ## measure, side by side, and write benchmarks/results/
	$(BIN)/python -m benchmarks

docs: $(VENV)/dev ## write docs/reference/ and the types of the web page from the code, and build/docs/site, a site of all pages with search
	$(BIN)/python -m tools.reference
	$(BIN)/python -m tools.site

wheel: $(VENV)/default ## build dist/modelyard-….whl and say how large it is
	@$(BIN)/python -m tools.wheel

lock: $(VENV)/dev ## pin every dependency, of engines too, with hashes, and keep the versions; UPGRADE=--upgrade takes the newest
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url $(UPGRADE) pyproject.toml -o requirements/default.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url $(UPGRADE) pyproject.toml --extra postgres -o requirements/server.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url $(UPGRADE) pyproject.toml --group dev --extra mcp --extra ocr --extra otel --extra postgres -o requirements/dev.txt
	$(BIN)/python -m tools.locks $(UPGRADE)
	$(BIN)/python -m tests.client_environments --lock $(UPGRADE)

vendor: $(VENV)/dev ## fetch the libraries of the web page that vendor.json lists
	$(BIN)/python -m tools.vendor

clean: ## remove what the verbs made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/default: requirements/default.txt pyproject.toml
	@echo "Installing Modelyard into $(VENV) (about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Modelyard needs Python 3.11 or newer, and this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -q --require-hashes -r requirements/default.txt
	@$(PIP) install -q --no-deps -e .
	@touch $@

$(VENV)/dev: requirements/dev.txt $(VENV)/default
	@$(PIP) install -q --require-hashes -r requirements/dev.txt
	@touch $@
