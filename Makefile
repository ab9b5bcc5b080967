# Any target makes .venv on its first run. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
# One thread a worker: those of BLAS would wait for each other. Bytecode is kept: the tests start Python a hundred times.
TESTS := OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(PY) -m pytest --numprocesses auto --dist worksteal
QUICK := network/test_in_the_field network/test_edge network/test_every_function network/test_train \
         gradcheck/test_check_gradients gradcheck/test_check_vjp
.DEFAULT_GOAL := help
.PHONY: help report docs tutorial test quick test-deep environments check format proofs coq vectors symbols recheck reports renew peers bench bench-power bench-general bench-scale mutate mutants fuzz dist clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'refnn needs Python >= 3.11; name one with: make PYTHON=python3.11'; exit 1; }
	@$(PYTHON) -m venv .venv || { echo 'venv is missing: apt-get install python3-venv'; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[check]'
	@touch $@

.venv/peers: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[peers]'
	@touch $@

.venv/fuzz: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@touch $@

.venv/mutants: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[mutants]'
	@touch $@

.venv/docs: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

report: .venv/ready  ## gradient-check the reference: table, report.json, figures, in build/report
	$(BIN)/refnn report --out build/report

docs: .venv/docs  ## the API reference as HTML, in build/docs
	$(PY) proofs/docs/build.py

# What it should print instead: run all cells in Jupyter, and save.
tutorial: .venv/docs  ## run proofs/tutorial.ipynb, and compare what it prints with what stands in it
	$(PY) -m pytest --nbval --nbval-current-env proofs/tutorial.ipynb

test: .venv/ready  ## all tests; they need Python packages only
	$(TESTS)

quick: .venv/ready  ## the laws of the core and of the checker in ten seconds, for while you write
	$(BIN)/ruff check --quiet .
	HYPOTHESIS_PROFILE=quick $(TESTS) $(addprefix tests/,$(addsuffix .py,$(QUICK)))

test-deep: .venv/ready  ## make test with 5,000 random examples for each property, in place of 50 (a night)
	HYPOTHESIS_PROFILE=deep $(TESTS)

environments: .venv/ready  ## the tests in each Python there is, with the oldest and the newest packages allowed
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(PY) proofs/environments.py --write

check: .venv/ready  ## ruff and mypy --strict; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/ready  ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proofs: coq vectors symbols recheck  ## the evidence beside the tests: the theorem, vectors, symbols, the report in a browser

vectors: .venv/ready  ## make the test vectors again, compare and prove them, and read them in Python, C and JavaScript
	$(PY) proofs/vectors/run.py

recheck: .venv/ready  ## recheck the committed report, and look at its page in a browser
	$(BIN)/refnn verify proofs/reports/reference
	$(PY) proofs/reports/in_browser.py

reports: .venv/ready  ## renew the committed report
	$(BIN)/refnn report --out proofs/reports/reference

renew: .venv/ready  ## after a new fault or formula: vectors, the table of bench-power and the report anew (half an hour)
	$(PY) proofs/vectors/generate.py
	$(MAKE) --no-print-directory bench-power reports

symbols: .venv/ready  ## computer algebra on small shapes: the residuals of the source are exactly 0
	$(PY) proofs/symbols.py

coq: .venv/ready  ## check the theorem, extract the program, compare it with the Python source
	@$(MAKE) --no-print-directory -j2 --output-sync -C proofs/coq PYTHON=$(CURDIR)/$(PY)

mutate: .venv/ready  ## break the source and the proof on purpose, one line at a time: each has to be refused (up to an hour)
	@$(MAKE) --no-print-directory -C proofs/coq PYTHON=$(CURDIR)/$(PY) mutants

mutants: .venv/mutants  ## run the tests on wrong versions of refnn: which link of the evidence catches each (40 minutes)
	$(PY) proofs/mutants/pairs.py
	$(PY) proofs/mutants/run.py --write

# So many cases of all targets together, and so many seconds of each guided by coverage.
FUZZ_CASES ?= 1000000
FUZZ_SECONDS ?= 60
fuzz: .venv/fuzz  ## fuzz the public functions, the command line and the readers, from seeds not used before (an hour and a half)
	$(PY) -m pytest proofs/fuzz
	OPENBLAS_NUM_THREADS=1 $(PY) proofs/fuzz/fuzz.py --cases $(FUZZ_CASES) --guided $(FUZZ_SECONDS)

peers: .venv/peers  ## judge backprops of many conventions, right and with a bug, and test the drop-ins for PyTorch, JAX, autograd
	$(PY) proofs/peers/run.py
	$(TESTS) proofs/peers

bench: .venv/peers  ## digits and speed beside PyTorch, JAX and scikit-learn (a quarter of an hour)
	$(PY) proofs/benchmarks/accuracy.py --write
	$(PY) proofs/benchmarks/speed.py

bench-power: .venv/peers  ## which faults each gradient checker sees, refnn's and its peers', for eight declared networks
	$(PY) proofs/benchmarks/power.py --write

bench-general: .venv/peers  ## any function: right gradients and faults through each checker; the error of differences
	$(PY) proofs/benchmarks/general/run.py --write

bench-scale: .venv/peers  ## the gradient checker on ten million parameters, and its work shared out
	$(PY) proofs/benchmarks/scale.py

dist: .venv/ready  ## sdist and wheel, the same bytes from another copy; the wheel is tried in an empty environment
	rm -rf dist build/empty build/again
	$(BIN)/pip install --quiet --disable-pip-version-check build
	$(PY) -m build --outdir dist . > /dev/null
	mkdir -p build/again
	git ls-files | tar -cf - -T - | (umask 077 && tar -xmf - -C build/again)
	$(PY) -m build --outdir build/again/dist build/again > /dev/null
	cd dist && for file in *; do cmp $$file ../build/again/dist/$$file || exit 1; done
	$(PYTHON) -m venv build/empty
	build/empty/bin/pip install --quiet --disable-pip-version-check dist/refnn-*.whl
	cd build && empty/bin/python -c 'import refnn; print("refnn imports with NumPy alone:", refnn.__all__)'

clean:  ## remove what was built, not what is committed
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
