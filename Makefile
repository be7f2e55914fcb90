# Two commands: `make demo` shows the product, `make test` runs every test. Both install what they need
# beyond the toolchain into this folder (.venv, .build, target) and say so.

PYTHON ?= python3
XGBOOST := xgboost-cpu==3.0.5

.PHONY: demo test release console

demo: .venv/.xgboost console release
	@target/release/stepwell demo

test: .venv/.xgboost
	@$(PYTHON) compat/run_tests.py

# The console is in the program if Node.js was there when it was built; all else works without.
NODE := $(shell node -e 'const [a, b] = process.versions.node.split("."); console.log(a > 20 || (a == 20 && b >= 19) ? "yes" : "old")' 2>/dev/null)

ifeq ($(NODE),yes)
console: console/dist/index.html.gz
else
console:
	@echo "== the console is left out: it takes Node.js 20.19 or newer and npm to build"
endif

console/dist/index.html.gz: $(shell find console/src console/public -type f) $(wildcard console/*.*)
	@echo "== building the console"
	@cd console && npm ci --silent && npm run --silent build

release: | console
	@echo "== building stepwell (a few minutes the first time)"
	@cargo build --release --locked -p stepwell

.venv/.xgboost: Makefile
	@echo "== installing the XGBoost library ($(XGBOOST), 6 MB) into .venv"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(XGBOOST)
	@touch $@
