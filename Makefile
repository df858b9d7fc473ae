# Everything here does its own set-up: Python 3.11 or newer, pip and make are enough.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-package scoreline \
	--custom-compile-command 'make lock'
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install up test check audit format bench storm storm-ablations fuzz env compose-test lock docs notebooks sample clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

install: $(INSTALLED)  ## the virtual environment .venv with everything, from the lock

# Without ensurepip, which Debian packs apart: the pip that is there installs into the new environment.
$(INSTALLED): requirements.lock pyproject.toml client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Scoreline needs Python 3.11 or newer, this is %d.%d: try make PYTHON=python3.11" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	@echo "installing into .venv, a minute or two the first time"
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --require-hashes --only-binary=:all: -r requirements.lock
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --no-deps --no-build-isolation -e . -e ./client
	@touch $@

up: install      ## the whole service on this machine, in the foreground
	@exec $(BIN)/scoreline up $(ARGS)

test: install    ## every test, on real servers that the run starts itself
	$(BIN)/pytest $(ARGS)

check: install audit  ## lint, format, types, imports, security
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet -ll --configfile pyproject.toml --recursive api shared worker cli client/scoreline migrations data

audit: install   ## known vulnerabilities of what the lock names, where an advisory service can be asked
	@$(BIN)/python -m tests.audit

format: install  ## what check would have you change, changed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install   ## speed beside a textbook pipeline, written to benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.run $(ARGS)

storm: install   ## the service hurt in every way under load, and nothing lost: ARGS="--seed 7 --minutes 3"
	@$(BIN)/python -m tests.storm.run $(ARGS)

fuzz: install    ## the service asked 20,000 times what it must not stumble over, and sent 5,000 strange files: ARGS="--seed 7"
	@$(BIN)/python -m tests.fuzz.run $(ARGS)

storm-ablations: install  ## each guard of the service taken out, which its own storm must notice
	@$(BIN)/python -m tests.storm.ablations $(ARGS)

sample: install  ## data/housing_sample.csv anew; the bytes are always the same
	$(BIN)/python -m data.housing_sample

notebooks: install  ## the notebooks run from top to bottom, in place, with the service that `make up` runs
	$(BIN)/jupyter nbconvert --execute --to=notebook --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

env:             ## .env with random secrets for docker compose; one that is there stays as it is
	@$(PYTHON) -m cli.env .env

compose-test:    ## the whole service in containers of its own: three workers, one of them killed, nothing lost
	@$(PYTHON) -m tests.compose.run

lock: install    ## requirements.lock anew from the two pyproject.toml, and of each image its part, in the same versions
	$(LOCK) --all-extras -o requirements.lock pyproject.toml client/pyproject.toml
	$(LOCK) --constraint requirements.lock --extra api -o deploy/images/api.lock pyproject.toml
	$(LOCK) --constraint requirements.lock --extra worker --extra s3 --extra cli --extra flower \
		-o deploy/images/worker.lock pyproject.toml client/pyproject.toml
	$(LOCK) --constraint requirements.lock --extra notebooks -o deploy/images/jupyter.lock pyproject.toml
	$(LOCK) --constraint requirements.lock --group build -o deploy/images/build.lock

docs: install    ## the parts of docs/ that are made from the code
	$(BIN)/python -m docs.reference
	$(BIN)/python -m docs.tables

clean:           ## removes what make made; the state of a service in .scoreline stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
