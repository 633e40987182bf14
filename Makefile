# Everything runs in .venv, made from constraints.txt. `make demo` and `make test` work on a fresh machine.

VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: install demo test lint types check guard slow clean

install: $(VENV)/.installed

# torch first and pinned: any other requirement that met a machine without torch would fetch its CUDA build.
$(VENV)/.installed: pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	$(BIN)/videoswin demo --output $(DEMO)

test: lint types check guard

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

# Two processes of one thread each: most tests are small, and threads that share cores wait for each other.
check: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

# Half a minute: fails if the fast attention has become slow beside the reference.
guard: install
	$(BIN)/videoswin bench guard

slow: install
	$(BIN)/pytest -m slow

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
