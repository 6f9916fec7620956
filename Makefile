# make quickstart   virtual environment, installation, and a whole run: challenge, judge, train, evaluate
# make test         virtual environment, installation, ruff, mypy, import-linter, pytest
#
# PYTHON=python3.12 chooses the interpreter (3.11 to 3.13), VENV=/some/where the place.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: quickstart test lint docs clean

quickstart: $(VENV)/installed
	$(BIN)/selfchal run examples/quickstart.yaml --resume

test: lint
	$(BIN)/python -m pytest tests examples/selfchal-library/tests examples/selfchal-reinforce/tests

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The parts of the documentation that are printed by the program itself.
docs: $(VENV)/installed-dev
	$(BIN)/python scripts/write_docs.py

# torch comes first, by a script of its own: pip alone would fetch gigabytes of CUDA onto a laptop.
$(VENV)/installed: pyproject.toml scripts/install_torch.py
	$(PYTHON) scripts/check_python.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python scripts/install_torch.py
	$(BIN)/python -m pip install --quiet -e .
	touch $@

# The third-party plugins under examples/ go in with pip, as a user's would.
$(VENV)/installed-dev: $(VENV)/installed examples/selfchal-library/pyproject.toml examples/selfchal-reinforce/pyproject.toml
	$(BIN)/python -m pip install --quiet -e '.[dev]' -e examples/selfchal-library -e examples/selfchal-reinforce
	touch $@

clean:
	rm -rf $(VENV) runs build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
