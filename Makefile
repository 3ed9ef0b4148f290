# Every target sets up what it needs. Two virtual environments: .venv has the newest libraries from PyPI,
# .venv-debian those of the distribution.
PYTHON = python3
# More workers than two cores, as most tests wait for something.
SUITE = -n 4 tests/unit tests/integration
# A browser is busy itself.
BROWSER_SUITE = -n 2 tests/e2e

# Where it is set, each of the thousand processes of the tests compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test shells browser check format lint types debian e2e deb package pictures thorough faults soak coverage bench tables clean

run: .venv/ready
	.venv/bin/runwisp --config packaging/demo/runwisp.toml

test: shells check debian e2e package

shells:
	.ci/prepare shells

browser:
	.ci/prepare browser

check: lint types .venv/ready
	.venv/bin/python -m pytest $(SUITE)

lint: .venv/ready
	.venv/bin/ruff format --check
	.venv/bin/ruff check

types: .venv/ready
	.venv/bin/mypy

debian: .venv-debian/ready
	.venv-debian/bin/python -m pytest $(SUITE)

# The dashboard in a real Chromium, on real daemons.
e2e: browser .venv/ready
	.venv/bin/python -m pytest $(BROWSER_SUITE)

# build/deb/runwisp_VERSION_all.deb
deb:
	.ci/prepare package
	packaging/deb

# Built, looked at by lintian, installed into a fresh system, run there, upgraded, removed and purged. Needs root.
package: .venv/ready
	.ci/prepare package
	$(if $(filter-out 0,$(shell id -u)),sudo) .venv/bin/python -m pytest tests/package

# Every page as a picture, light and dark, phone to desktop, to be looked at: build/pictures.
pictures: browser .venv/ready
	.venv/bin/python -m tests.e2e.pictures build/pictures

# Properties tried with many new examples, and every change of the clocks in every zone.
thorough: .venv/ready
	.venv/bin/python -m pytest --hypothesis-profile thorough -m "not faults" $(SUITE)

# All tests of faults, the long forms too: hundreds of daemons killed, the demo for minutes. Needs root, as disks
# are mounted. Writes docs/reliability.rst from what they saw, whatever that is.
faults: browser .venv/ready
	.venv/bin/python -m pytest -m "fault or faults" --faults-to build/faults.json $(SUITE) tests/e2e; \
	found=$$?; .venv/bin/python -m tests.faults.page build/faults.json && exit $$found

# An hour of runs, followers and killed helpers, or SOAK_MINUTES: nothing is lost and nothing grows.
soak: .venv/ready
	.venv/bin/python -m tests.soak

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
