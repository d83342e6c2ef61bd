# `make demo` and `make test` set themselves up; all they need is Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= demo-out

.PHONY: demo test check ready benchmarks fuzz wire reviewer sbom build lock clean

demo: $(READY)
	$(BIN)/riskset demo --out $(OUT)

test: $(READY) check
	$(BIN)/python -m pytest -n 4 --dist loadfile

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.wire --check
	$(BIN)/python -m tests.vectors --check
	$(BIN)/python -m tests.reviewer --check

ready: $(READY)

benchmarks: $(READY)
	$(BIN)/python -m benchmarks

# The environment is exactly the lock file's, checked by hash; uv where it is, else venv and pip.
# Compiled at once, as pip does by itself: the demo and the tests start many processes.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "riskset needs Python 3.11 or newer; say which: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python "$(PYTHON)" $(VENV) && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $(READY)

# Every reader of foreign bytes, for hours; ONLY='request roster' chooses, EXAMPLES says how long.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz $(EXAMPLES) $(ONLY)

# Every library with its hashes, as CycloneDX, from the lock file; and the wheel beside it.
sbom: $(READY)
	mkdir -p dist
	$(BIN)/cyclonedx-py requirements --output-reproducible --of JSON --output-file dist/riskset.cdx.json requirements.lock

build: sbom
	$(BIN)/python -m hatchling build

# What reviewers read about the messages.
reviewer: $(READY)
	$(BIN)/python -m tests.reviewer

# The Python of protocol/wire/federation.proto.
wire: $(READY)
	$(BIN)/python -m tests.wire

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --extra dev pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) $(OUT) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
