# The two commands of the README, and what they share.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python -m mer_jax.main

.PHONY: quickstart test fuzz kill clean

$(VENV)/runtime: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/development: $(VENV)/runtime pyproject.toml
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

quickstart: $(VENV)/runtime
	$(RUN) --config=configs/quickstart.py --workdir=runs/quickstart

test: $(VENV)/development
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/python -m pytest

# Two minutes of random files for the readers, of which `make test` takes a few seconds.
fuzz: $(VENV)/development
	$(VENV)/bin/python -m pytest tests/fuzz --hypothesis-profile=fuzz --hypothesis-show-statistics

# Trainings killed twenty times at random moments; `make test` kills one twice.
kill: $(VENV)/development
	MER_JAX_KILLS=20 $(VENV)/bin/python -m pytest -s tests/killing

clean:
	rm -rf runs build *.egg-info .pytest_cache .ruff_cache
