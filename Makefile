# Two commands: `make demo` shows the product, `make test` runs every test. Both install what they need
# beyond the toolchain into this folder (.venv, .build, target) and say so.

PYTHON ?= python3
XGBOOST := xgboost-cpu==3.0.5

.PHONY: demo test release

demo: .venv/.xgboost release
	@target/release/stepwell demo

test: .venv/.xgboost
	@$(PYTHON) compat/run_tests.py

release:
	@echo "== building stepwell (a few minutes the first time)"
	@cargo build --release --locked -p stepwell

.venv/.xgboost: Makefile
	@echo "== installing the XGBoost library ($(XGBOOST), 6 MB) into .venv"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(XGBOOST)
	@touch $@
