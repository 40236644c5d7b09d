# The words people type. `make` alone lists them.
#
# Each environment is a stamp file inside .venv that is newer than what it was made from, so a second run costs
# nothing. All stamps share one .venv: the locks agree on every version, which tests/architecture proves.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
# Two processes at least: the sweeps are many and independent.
PYTEST_ARGS ?= -n auto --dist worksteal

# Only files whose hash is in the lock are accepted, and only wheels: building a source package would fetch
# build tools that nobody locked. A lock is complete, so nothing is resolved: the pip that comes with Python 3.11 takes
# an extra (coverage[toml]) for a package of its own, finds a newer release of it, and refuses that as not locked.
PIP_LOCKED := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps
# The build tool comes from the lock too, hence no isolation: this step needs no network.
PIP_PROJECT := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  %-14s %s\n", $$1, $$2 }'

# --- environments ------------------------------------------------------------------------------------------------

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.13 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.run: .venv/.made requirements/desk.txt pyproject.toml
	$(PIP_LOCKED) -r requirements/desk.txt
	$(PIP_PROJECT) --editable .
	$(BIN)/python -m pip check --quiet
	@touch $@

# What the backtest needs beside the desk; the demo is as light without it as before.
.venv/.research: .venv/.run requirements/research.txt
	$(PIP_LOCKED) -r requirements/research.txt
	$(BIN)/python -m pip check --quiet
	@touch $@

# The full set holds the small ones, so it leaves all stamps.
.venv/.dev: .venv/.made requirements/dev.txt requirements/desk.txt requirements/research.txt pyproject.toml
	$(PIP_LOCKED) -r requirements/dev.txt
	$(PIP_PROJECT) --editable .
	$(BIN)/python -m pip check --quiet
	@touch .venv/.run .venv/.research $@

.PHONY: setup
setup: .venv/.dev ## make .venv with everything needed to run, check and test

.PHONY: research
research: .venv/.research ## install what the backtest needs

# --- run ---------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: .venv/.run ## one dry-run cycle on the synthetic market; no account, no keys, no network
	$(BIN)/trader cycle

# Some tests read template.yaml as SAM translates it. Where it cannot be installed they are skipped, and say so.
TRY_SAM = $(MAKE) -s --no-print-directory .locker/sam/.made \
  || echo "SAM cannot be installed; one that is here already will do"

# --- check and test ----------------------------------------------------------------------------------------------

.PHONY: lint
lint: .venv/.dev ## style, format, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: check
check: lint ## lint, and the tests of the architecture
	$(BIN)/pytest tests/architecture $(PYTEST_ARGS)

.PHONY: test
test: lint ## everything: lint and all tests, those of the architecture included
	@$(TRY_SAM)
	$(BIN)/pytest $(PYTEST_ARGS)

.PHONY: size
size: .venv/.dev ## count modules and lines of code, without blanks, comments and docstrings
	PYTHONPATH=src:tests $(BIN)/python -m architecture.size

.PHONY: trace
trace: .venv/.dev ## follow a product id and the trading state through one cycle: files and hops
	PYTHONPATH=src:tests $(BIN)/python -m architecture.trace

.PHONY: reliability
reliability: .venv/.dev ## play every fault at every request of every kind of cycle; writes docs/reliability.md
	PYTHONPATH=src:tests $(BIN)/python -m simulation.reliability.report docs/reliability.md

.PHONY: mutants
mutants: .venv/.dev ## put each fault kept on purpose in place, and print which test catches it
	PYTHONPATH=src:tests $(BIN)/python -m simulation.mutants.table

# `make soak SECONDS=600 SEED=3`; `make soak SEED=3 WORLD=12` plays one world again, request by request;
# RECORD=docs/soak-runs.txt keeps the last line for `make reliability`.
SECONDS ?= 60
SEED ?= 1
WORLD ?=
RECORD ?=

.PHONY: soak
soak: .venv/.dev ## random faults on random markets, invariants after every cycle; SECONDS, SEED, WORLD, RECORD
	PYTHONPATH=src:tests $(BIN)/python -m simulation.soak.run --seconds $(SECONDS) --seed $(SEED) \
	  $(if $(WORLD),--world $(WORLD)) $(if $(RECORD),--record $(RECORD))

# `make loop-virtual TICKS=12 KILLS=4` plays less; `make loop-soak SECONDS=1200` is the whole of it, by the clock.
TICKS ?= 60
KILLS ?= 20

.PHONY: loop-virtual
loop-virtual: .venv/.dev ## kill the loop 20 times in 60 ticks of virtual time, compare with one left alone; SEED, TICKS, KILLS
	PYTHONPATH=src:tests $(BIN)/python -m simulation.loop.virtual --seed $(SEED) --ticks $(TICKS) --kills $(KILLS)

.PHONY: loop-soak
loop-soak: .venv/.dev ## trade LIVE at the simulated venue with faults, killed 20 times, by fast clocks; SECONDS, SEED, KILLS
	PYTHONPATH=src:tests $(BIN)/python -m simulation.loop.soak --seconds $(SECONDS) --seed $(SEED) --kills $(KILLS)

# `make mutate SEED=2 MUTANTS=200` draws others, and more. Survivors with an excuse are in tests/mutation/excused.toml.
MUTANTS ?= 80

.PHONY: mutate
mutate: .venv/.dev .locker/mutation/.made ## try mutants of the deciding and the speaking code on their tests; SEED, MUTANTS
	PYTHONPATH=tests .locker/mutation/bin/python -m mutation.run --python $(CURDIR)/$(BIN)/python \
	  --seed $(SEED) --mutants $(MUTANTS)

.PHONY: nightly
nightly: .venv/.dev ## property tests with many more examples, and 1,000 random markets, drawn anew each night; every pair of crashes
	HYPOTHESIS_PROFILE=nightly $(BIN)/pytest tests/property $(PYTEST_ARGS)
	PYTHONPATH=src:tests $(BIN)/python -m simulation.pairs
	PYTHONPATH=src:tests $(BIN)/python -m simulation.backtest.random_markets --markets 1000 \
	  --first $$(( $$(date +%s) / 86400 * 1000 ))

.PHONY: format
format: .venv/.dev ## rewrite the sources in the agreed format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: audit
audit: .venv/.dev ## look the locked versions up among the known vulnerabilities; fails if that could not be done
	$(BIN)/python -m desk.supply.audit layers/dependencies/requirements.txt requirements/dev.txt

.PHONY: sbom
sbom: .venv/.dev ## write the layer's parts list, with hashes and licenses: build/sbom.cdx.json, CycloneDX
	$(BIN)/python -m desk.supply.sbom build/sbom.cdx.json

.PHONY: bench-decide
bench-decide: .venv/.dev ## time the pure part of a cycle
	$(BIN)/python -m desk.bench.decide

# `make bench-cycle BASE=HEAD~1 RATIO_MAX=1.10` compares with another commit or tag, and is stricter. About a minute.
BASE ?= 2324d3c
RATIO_MAX ?= 1.20

.PHONY: bench-cycle
bench-cycle: .venv/.dev ## compare the CPU time of a whole cycle of 10 products with an older commit; BASE, RATIO_MAX
	$(BIN)/python -m desk.bench.cycle --base $(BASE) --ratio-max $(RATIO_MAX)

.PHONY: docs
docs: .venv/.dev ## rewrite the generated tables and the drawn lives in docs, and the screens of docs/asking.md
	$(BIN)/python -m desk.docs_tables docs
	PYTHONPATH=src:tests $(BIN)/python -m unit.desk.journal.page

.PHONY: bench-account
bench-account: .venv/.dev ## count and time a look at the account over a lot of 180 days, beside an owner of 200 trades a day
	$(BIN)/python -m desk.bench.account_read

.PHONY: bench-why
bench-why: .venv/.dev ## time trader why as a process over 10,000 recorded cycles; fails above 1 s of CPU time
	$(BIN)/python -m desk.bench.why

.PHONY: bench-startup
bench-startup: .venv/.dev ## CPU time of trader --help, one cycle and the first tick of a run on half a year of candles; half a minute
	$(BIN)/python -m desk.bench.startup

# The peers' scripts, and where their environments and data are: `run_all.sh` beside the scripts makes them.
PEERS ?= ../shared/bench/peers
PEERS_HOME ?= $(HOME)/.cache/peers
ROUNDS ?= 3

.PHONY: bench-backtest
bench-backtest: .venv/.dev ## our backtest beside the peers that are installed, CPU seconds of fresh processes; PEERS, PEERS_HOME, ROUNDS
	$(BIN)/python -m desk.bench.backtest --peers $(PEERS) --home $(PEERS_HOME) --rounds $(ROUNDS)

# The tests compare with what is written there, and need none of the three.
.PHONY: oracles
oracles: .locker/oracles/.made ## ask quantstats, empyrical and ffn for the figures of 62 curves; writes the fixture the tests compare with
	PYTHONPATH=tests PYTHONWARNINGS=ignore .locker/oracles/bin/python -m oracles.write tests/fixtures/oracles/figures.json

.PHONY: bench-linearity
bench-linearity: .venv/.dev ## a backtest's CPU beside that of its parts: bars, products, length of the run; ROUNDS
	$(BIN)/python -m desk.bench.linearity --rounds $(ROUNDS)

# `make backtest-equal MARKETS=500 FIRST=1001` draws others, and more.
MARKETS ?= 500
FIRST ?= 1

.PHONY: backtest-equal
backtest-equal: .venv/.dev ## screened backtests of random markets against those of every tick, every field; MARKETS, FIRST
	PYTHONPATH=src:tests $(BIN)/python -m simulation.backtest.random_markets --markets $(MARKETS) --first $(FIRST)

CASE ?=

.PHONY: backtest-real
backtest-real: .venv/.dev ## the same on recorded markets, all of twelve windows or one CASE, each has to meet what it is named for; half an hour
	PYTHONPATH=src:tests $(BIN)/python -m simulation.backtest.real_markets $(if $(CASE),--case "$(CASE)")

.PHONY: bench-sweep
bench-sweep: .venv/.dev .venv/.research ## sweep 50 sets of settings, killed three times on the way; fails if it comes to anything else
	$(BIN)/python -m desk.bench.sweep --sets 50 --kills 3

LIVE_TICKS ?= 2000

.PHONY: same-as-live
same-as-live: .venv/.dev ## PAPER at the HTTP sandbox, with looks and faults, against the backtest of its candles; minutes; SEED, LIVE_TICKS
	PYTHONPATH=src:tests $(BIN)/python -m simulation.backtest.same_as_live --seed $(SEED) --ticks $(LIVE_TICKS)

.PHONY: bench-gather
bench-gather: .venv/.dev ## time one gather of 200 products from the simulated venue, and the same by ccxt
	$(BIN)/python -m desk.bench.gather

.PHONY: venue-faults
venue-faults: .venv/.dev ## try every fault on every endpoint of the venue; writes docs/venue-faults.md
	$(BIN)/python -m desk.sandbox.fault_matrix docs/venue-faults.md

.PHONY: kill-drill
kill-drill: .venv/.dev ## flip the kill switch a thousand times during cycles; writes docs/kill-switch.md
	$(BIN)/python -m desk.drill.kill_switch docs/kill-switch.md

# `make command-drill TRIES=1000 SEED=7` plays more, and others.
TRIES ?= 200

.PHONY: command-drill
command-drill: .venv/.dev ## let commands meet ticks, dead leases, watch runs and one another; TRIES, SEED
	$(BIN)/python -m desk.drill.commands --tries $(TRIES) --seed $(SEED)

# `make command-clock CLOCK="--sam .aws-sam/build/template.yaml --bind 172.17.0.1"` makes three more tries in a container, of
# what `make build` made; the address is that under which a container reaches this machine.
CLOCK ?=

.PHONY: command-clock
command-clock: .venv/.dev .locker/sam/.made ## time 216 flattens from the word to the last sale, ten minutes; writes docs/command-clock.md; CLOCK
	$(BIN)/python -m desk.drill.command_clock docs/command-clock.md $(CLOCK)

# `make slow-venue ONLY="--delays 5 --lots 8"` runs a part and writes no page.
ONLY ?=

.PHONY: slow-venue
slow-venue: .venv/.dev ## sell lots at a venue that answers late, a quarter of an hour; writes docs/slow-venue.md; ONLY
	$(BIN)/python -m desk.drill.slow_venue $(or $(ONLY),docs/slow-venue.md)

# `make crash-day CANDLES=FOLDER` reads other candles than those beside the checkout.
CANDLES ?= ../shared/data/candles

.PHONY: crash-day
crash-day: .venv/.dev ## play the liquidation of 2025-10-10 on real candles; writes docs/crash-day.md; CANDLES
	$(BIN)/python -m desk.drill.crash_day docs/crash-day.md --candles $(CANDLES)

.PHONY: market-modes
market-modes: .venv/.dev ## play every mode of a market against every situation of a lot; writes docs/market-modes.md
	$(BIN)/python -m desk.drill.market_modes docs/market-modes.md

.PHONY: growth
growth: .venv/.dev ## play weeks in which nothing new is opened, and see what grows; five minutes; writes docs/growth.md
	$(BIN)/python -m desk.drill.growth docs/growth.md

.PHONY: execution-table
execution-table: .venv/.dev ## buy in every way, cadence and market: tries, seconds, maker share; a minute; writes docs/execution.md; SEED
	$(BIN)/python -m desk.drill.execution docs/execution.md --seed $(SEED)

.PHONY: release-drill
release-drill: .venv/.dev ## go back from the next release to this one and forward again, with lots to be sold; seconds
	$(BIN)/python -m desk.drill.releases

.PHONY: tamper-drill
tamper-drill: .venv/.dev ## play IAM's rule on the audit's bucket, and forge an audit in every way; two minutes
	$(BIN)/pytest tests/architecture/test_written_once.py --quiet
	$(BIN)/python -m desk.drill.tamper

.PHONY: outage-drill
outage-drill: .venv/.dev ## take the audit's bucket away for three hours while a sale falls due, with 200 products; two minutes
	$(BIN)/python -m desk.drill.audit_outage

# `make rotation-drill ROTATIONS=256 SEED=7` plays every combination four times, before other requests.
ROTATIONS ?= 64

.PHONY: rotation-drill
rotation-drill: .venv/.dev ## replace the API key at every kind of moment of a cycle, the old one revoked first; ROTATIONS, SEED
	$(BIN)/python -m desk.drill.rotation --tries $(ROTATIONS) --seed $(SEED)

.PHONY: story
story: .venv/.dev .locker/sam/.made ## deploy to the sandbox, trade, stop out, flatten, prove the books; three minutes; keeps build/story
	$(BIN)/python -m desk.drill.stack_life build/story

.PHONY: cost
cost: .venv/.dev ## count the AWS calls of a cycle and price a month, domain events apart; writes docs/cost.md
	$(BIN)/python -m desk.cost.domain_events
	$(BIN)/python -m desk.cost.month docs/cost.md

# --- build and deploy --------------------------------------------------------------------------------------------

# Tools whose pins agree with nobody's: an environment each. Their locks are complete, so nothing is resolved.
SAM := SAM_CLI_TELEMETRY=0 .locker/sam/bin/sam
CHECKOV := .locker/checkov/bin/checkov
PROFILE ?= dev
# samconfig.toml is the list. A profile that is not in it is answered before anything is made.
PROFILES := $(shell sed -n 's/^\[\([^].]*\)\.deploy\.parameters\]$$/\1/p' samconfig.toml)
ifneq ($(filter build verify-build deploy rollback test-alarm,$(MAKECMDGOALS)),)
ifneq ($(words $(PROFILE)) $(filter-out $(PROFILES),$(PROFILE)),1 )
$(error PROFILE=$(PROFILE): no such profile; allowed are $(PROFILES))
endif
endif
ARCHITECTURE ?= $(shell $(PYTHON) layers/build.py architecture $(PROFILE))
HOST_ARCHITECTURE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)

.locker/sam/.made .locker/checkov/.made .locker/mutation/.made .locker/oracles/.made: .locker/%/.made: requirements/%.txt
	$(PYTHON) -m venv --clear $(@D)
	$(patsubst $(BIN)/%,$(@D)/bin/%,$(PIP_LOCKED)) --requirement $<
	@touch $@

.PHONY: template
template: .locker/sam/.made .locker/checkov/.made ## check template.yaml: SAM, cfn-lint, checkov for DRY_RUN and LIVE
	AWS_DEFAULT_REGION=us-east-1 $(SAM) validate --lint
	.locker/sam/bin/cfn-lint template.yaml
	@mkdir -p build/checkov
	for mode in DRY_RUN LIVE; do \
	  sed "s/Default: DRY_RUN/Default: $$mode/" template.yaml >build/checkov/$$mode.yaml; \
	  $(CHECKOV) --file build/checkov/$$mode.yaml --framework cloudformation --compact --skip-download \
	    --output json >build/checkov/$$mode.json; \
	  $(PYTHON) -c 'import json, sys; print("checkov", *sys.argv[1:], json.load(sys.stdin)["summary"])' $$mode \
	    <build/checkov/$$mode.json; \
	done

.PHONY: build
build: .venv/.dev .locker/sam/.made ## sam build, sizes printed; ARCHITECTURE=x86_64 for other than the profile's
	PYTHON=$(CURDIR)/$(BIN)/python ARCHITECTURE=$(ARCHITECTURE) \
	  $(SAM) build --parameter-overrides Architecture=$(ARCHITECTURE)
	$(BIN)/python layers/build.py sizes .aws-sam/build

.PHONY: verify-build
verify-build: .venv/.dev ## compare what was built with lock and commit, byte by byte; needs the package index
	$(BIN)/python layers/verify.py .aws-sam/build --architecture $(ARCHITECTURE)

.PHONY: deploy
deploy: build ## sam deploy; PROFILE=dev, paper or live
	$(SAM) deploy --config-env $(PROFILE)
	$(BIN)/python -m desk.alarms hearers $(PROFILE)

# `make test-alarm PROFILE=paper ALARM=exposed` rings another one.
ALARM ?= heartbeat

.PHONY: test-alarm
test-alarm: .venv/.dev ## ring an alarm of a stack and end it again, to see who hears it; PROFILE, ALARM
	$(BIN)/python -m desk.alarms test $(PROFILE) --alarm $(ALARM)

# `make rollback PROFILE=paper TO=12` names the version.
TO ?=

.PHONY: rollback
rollback: .venv/.dev ## point what is woken back to the version before; PROFILE, TO
	$(BIN)/python -m desk.rollback $(PROFILE) $(if $(TO),--to $(TO))

.PHONY: bench-coldstart
bench-coldstart: ## build for this machine and time a cold start of what was built
	$(MAKE) build ARCHITECTURE=$(HOST_ARCHITECTURE)
	PYTHON313="$$($(BIN)/python layers/build.py interpreter)" $(BIN)/python -m desk.bench.coldstart

# --- sandbox ---------------------------------------------------------------------------------------------------

# Where the sandbox listens: loopback, or Docker's bridge. `make invoke` finds its way from the one to the other.
SANDBOX_BIND ?= 127.0.0.1
EVENT ?= events/scheduled-cycle.json

.PHONY: sandbox
sandbox: .venv/.dev .locker/sam/.made ## AWS (moto), the venue and the stack of template.yaml, until Ctrl-C
	$(BIN)/trader sandbox up --bind $(SANDBOX_BIND)

.PHONY: invoke
invoke: .venv/.dev ## sam local invoke of EVENT, as if it happened now, against the sandbox that is up; needs Docker
	@$(BIN)/python -m desk.invoke --sam --check $(EVENT)
	$(MAKE) build ARCHITECTURE=$(HOST_ARCHITECTURE)
	$(BIN)/python -m desk.invoke --sam --now $(EVENT)

.PHONY: invoke-local
invoke-local: .venv/.dev ## the same in a plain process, without Docker
	$(BIN)/python -m desk.invoke --now $(EVENT)

# TRADER_E2E=sam or TRADER_E2E=process insists on one way.
.PHONY: e2e
e2e: .venv/.dev ## every event through the function: sam local invoke, or a plain process without Docker
	@$(TRY_SAM)
	$(BIN)/pytest tests/e2e -m e2e

# --- locks -------------------------------------------------------------------------------------------------------

# The locker is no dependency of the project: it lives beside .venv and only `make lock` wants it.
UV_VERSION := 0.13.9
UV := .locker/$(UV_VERSION)/bin/uv
LOCK_FLAGS ?=
COMPILE := $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --custom-compile-command "make lock" $(LOCK_FLAGS)

$(UV):
	$(PYTHON) -m venv .locker/$(UV_VERSION)
	.locker/$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.PHONY: lock
lock: $(UV) ## rewrite the lock files from the .in files; LOCK_FLAGS=--upgrade takes newer versions
	$(COMPILE) requirements/dev.in --output-file requirements/dev.txt
	$(COMPILE) requirements/desk.in requirements/build.in --constraint requirements/dev.txt \
	  --output-file requirements/desk.txt
	$(COMPILE) requirements/research.in --constraint requirements/dev.txt --output-file requirements/research.txt
	$(COMPILE) layers/dependencies/requirements.in --constraint requirements/dev.txt \
	  --output-file layers/dependencies/requirements.txt
	$(COMPILE) requirements/sam.in --output-file requirements/sam.txt
	$(COMPILE) requirements/checkov.in --output-file requirements/checkov.txt
	$(COMPILE) requirements/mutation.in --output-file requirements/mutation.txt
	$(COMPILE) requirements/oracles.in --only-binary :all: --override requirements/oracles-override.in \
	  --output-file requirements/oracles.txt

.PHONY: clean
clean: ## remove everything that make made
	rm -rf .venv .locker .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist src/*.egg-info
