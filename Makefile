# make quickstart   virtual environment, installation, and a whole run: challenge, judge, train, evaluate
# make test         virtual environment, installation, ruff, mypy, import-linter, every test
# make test-fast    the tests that need no torch and take no more than seconds
# make test-pythons the tests that need no torch, on every Python of 3.11 to 3.13 that is found
# make test-all     every test and benchmark in full size, hours; go on after a stop with the same command
# make fix          ruff's fixes and its formatting
# make docs         the pages of the documentation that the program writes itself
# make site         the documentation as a site, into site/; fails on a broken link or a page that nothing names
# make pictures     the pictures of `selfchal view` in docs/pictures, of two small runs; needs Chromium
# make results      the tables and pictures of the documentation that rest on stored results
#
# PYTHON=python3.12 chooses the interpreter (3.11 to 3.13), VENV=/some/where the place of its environment,
# STEPS="soak fuzz" the steps of test-all, WORKERS=4 how many processes run tests side by side,
# PYTHONS=--others keeps test-pythons from the version that `make test` runs on.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Two are right for two cores: the tests of the sandboxes start processes of their own and watch the clock.
WORKERS ?= 2
# A process takes the next file when it is done with one; tests/conftest.py puts those with long tests first.
PYTEST := -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# pytest rewrites the assertions of test files and of its plugins when it first imports them, and keeps what it
# wrote unless this forbids it; without that, collecting takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: quickstart test test-fast test-pythons test-all fix lint docs site results pictures clean

quickstart: $(VENV)/installed
	$(BIN)/selfchal run examples/quickstart.yaml --resume

test: lint
	$(BIN)/python $(PYTEST) --durations=15 tests examples/selfchal-library/tests examples/selfchal-reinforce/tests

test-fast: $(VENV)/installed-dev
	$(BIN)/python $(PYTEST) -q -m "not slow and not torch" tests examples/selfchal-library/tests

test-pythons: $(VENV)/installed-dev
	$(BIN)/python scripts/test_pythons.py $(PYTHONS)

test-all: lint
	$(BIN)/python scripts/test_all.py $(STEPS)

fix: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/installed-dev
	$(BIN)/python scripts/write_docs.py

# An environment of its own, for the site needs no torch.
site: $(VENV)-site/installed
	NO_MKDOCS_2_WARNING=1 $(VENV)-site/bin/mkdocs build

results: $(VENV)/installed-dev
	$(BIN)/python benchmarks/write_results.py

pictures: $(VENV)/installed-dev
	$(BIN)/python scripts/view_pictures.py runs/pictures docs/pictures

# torch comes first, by a script of its own: pip alone would fetch gigabytes of CUDA onto a laptop.
$(VENV)/installed: pyproject.toml scripts/install_torch.py
	$(PYTHON) scripts/check_python.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python scripts/install_torch.py
	$(BIN)/python -m pip install --quiet -e '.[train]'
	touch $@

# The third-party plugins under examples/ go in with pip, as a user's would.
$(VENV)/installed-dev: $(VENV)/installed examples/selfchal-library/pyproject.toml examples/selfchal-reinforce/pyproject.toml
	$(BIN)/python -m pip install --quiet -e '.[dev]' -e examples/selfchal-library -e examples/selfchal-reinforce
	touch $@

$(VENV)-site/installed: pyproject.toml
	test -x $(VENV)-site/bin/python || $(PYTHON) -m venv $(VENV)-site
	$(VENV)-site/bin/python -m pip install --quiet -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-site site runs build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
