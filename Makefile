# Each target sets up everything it needs in the virtual environment .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# Kept out of the environment: torchvision, which spandrel requires, would change how transformers prepares pictures. The
# tests of upscale_model use them with a stand-in for it, and are skipped without them.
BESIDE := spandrel==0.4.2 einops==0.8.2

.PHONY: help demo test check format lint types imports pytest gallery wheel clean
.NOTPARALLEL:

help:
	@echo "make demo     paint a star into a photograph, offline"
	@echo "make test     format, lint, types, import contracts, then the tests"
	@echo "make check    the same as make test"
	@echo "make format   format the code"
	@echo "make lint     format and lint checks        make types    mypy, strict"
	@echo "make imports  import contracts              make pytest   the tests alone"
	@echo "make gallery  run the library and arrange its pictures in docs/gallery.jpg"
	@echo "make wheel    build dist/*.whl              make clean    remove what was built"

$(READY): pyproject.toml setup.py constraints.txt
	@echo "setting up $(VENV) (once; takes some minutes if packages must be downloaded)"
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'graphflow needs Python 3.11 or newer; name one: make PYTHON=python3.11')"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt setuptools
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
	-@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/beside $(BESIDE)
	@touch $@

demo: $(READY)
	$(BIN)/graphflow run paint_into_photo --out demo
	@echo "picture: $(CURDIR)/demo/image.png, report: $(CURDIR)/demo/report.html"

test: lint types imports pytest

check: test

format: $(READY)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

# Two workers, since each loads torch; tests of a group run in the same worker.
pytest: $(READY)
	$(BIN)/pytest -n 2 --dist loadgroup

wheel: $(READY)
	rm -rf build
	$(BIN)/python -m build --wheel --no-isolation --outdir dist
	rm -rf build

gallery: $(READY)
	$(BIN)/python docs/gallery.py

clean:
	rm -rf $(VENV) build dist demo *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
