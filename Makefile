# Two commands set everything up on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN = $(VENV)/bin
# Tests run in a process a core, each with one thread: more of either only get in each other's way.
CORES := $(shell nproc 2>/dev/null || echo 2)
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile

.PHONY: demo test test-data test-next test-min test-wheel check docs format clean

demo: $(VENV)/.core
	$(BIN)/auditkit demo

test: $(VENV)/.dev chromium check
	$(PYTEST)

# The tests that need the real data sets and checkpoints; they must be there.
test-data: $(VENV)/.dev
	AUDITKIT_REQUIRE_DATA=1 AUDITKIT_TEST_TEXTS=500 $(PYTEST) -m shared_data

# The tests on transformers 5, which textattack's dependencies do not allow yet; so without it.
test-next: VENV := .venv-next
test-next: constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	grep -v -E '^(transformers|tokenizers|huggingface-hub|textattack|flair)==' constraints.txt > $(VENV)/constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(VENV)/constraints.txt -e ".[test]" "transformers>=5,<6"
	$(PYTEST)

# The tests at the oldest versions that pyproject.toml allows.
test-min: VENV := .venv-min
test-min: constraints-min.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints-min.txt -e ".[test]"
	$(PYTEST)

# The wheel in an environment of its own, outside of the checkout; what `make test` does of this
# borrows the dependencies of the checkout's environment.
test-wheel: $(VENV)/.dev
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m hatchling build -t wheel -d build/wheel
	$(PYTHON) -m venv build/wheel/env
	build/wheel/env/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt build/wheel/*.whl
	cd build/wheel && env/bin/auditkit validate smoke && env/bin/auditkit demo

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The page of commands, from what --help says.
docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.core: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[attacks]"
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@ $(VENV)/.core

# Browser tests need Chromium. Where it cannot be installed they skip, saying so.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium) >/dev/null 2>&1 || \
		echo "Chromium could not be installed: browser tests will skip"; \
	else echo "Chromium is not installed: browser tests will skip"; fi

clean:
	rm -rf .venv .venv-next .venv-min build dist .pytest_cache .mypy_cache .ruff_cache
