# Every target sets up what it needs. Two virtual environments: .venv has the newest libraries from PyPI,
# .venv-debian those of the distribution.
PYTHON = python3
# More workers than two cores, as most tests wait for something.
SUITE = -n 4 tests/unit tests/integration

# Where it is set, each of the thousand processes of the tests compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test shells check format lint types debian thorough faults coverage bench tables clean

run: .venv/ready
	.venv/bin/runwisp daemon --config packaging/demo/runwisp.toml

test: shells check debian

shells:
	.ci/prepare shells

check: lint types .venv/ready
	.venv/bin/python -m pytest $(SUITE)

lint: .venv/ready
	.venv/bin/ruff format --check
	.venv/bin/ruff check

types: .venv/ready
	.venv/bin/mypy

debian: .venv-debian/ready
	.venv-debian/bin/python -m pytest $(SUITE)

# Properties tried with many new examples, and every change of the clocks in every zone.
thorough: .venv/ready
	.venv/bin/python -m pytest --hypothesis-profile thorough -m "not faults" $(SUITE)

# The long forms of the tests of faults: hundreds of daemons killed, the demo for minutes.
faults: .venv/ready
	.venv/bin/python -m pytest -m faults $(SUITE)

coverage: .venv/ready
	.venv/bin/python -m pytest --cov --cov-report=term-missing:skip-covered $(SUITE)

format: .venv/ready
	.venv/bin/ruff format
	.venv/bin/ruff check --fix

# Half an hour alone with the machine; writes docs/performance.rst.
bench: .venv/ready
	.venv/bin/python -m tests.bench

# Draw the state tables in ARCHITECTURE.rst anew from the code.
tables: .venv/ready
	.venv/bin/python docs/state_tables.py

clean:
	rm -rf .venv .venv-debian .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build dist *.egg-info

.venv/ready: setup.cfg .ci/prepare
	.ci/prepare pypi $(PYTHON)

.venv-debian/ready: setup.cfg .ci/prepare
	.ci/prepare debian /usr/bin/python3
