# The two commands: `make demo` and `make test`. `make help` lists the rest.

CARGO ?= cargo
NEXTEST_VERSION := 0.9.143
DENY_VERSION := 0.20.2
FUZZ_VERSION := 0.13.2
CHECKOV_VERSION := 3.3.30
TOOLS := $(CURDIR)/.tools
VENV := $(TOOLS)/python
# The AWS CLI and boto3 drive the simulator, moto is S3 and SES to the apps and ECS to `import`, Schemathesis asks the API, Selenium drives
# a browser on its page; jsonschema judges manifests by the JSON Schema.
PYTHON_PACKAGES := awscli==1.45.11 boto3==1.43.11 'moto[server,s3,ses]==5.2.5' schemathesis==4.32.5 selenium==4.51.0 jsonschema==4.26.0
BOTOCORE_FOR_MODEL := botocore==1.44.5

.DEFAULT_GOAL := help
.PHONY: help demo test fmt-check clippy unit doc-test fields museum matrix kills day deny bench fuzz fuzz-corpus fuzz-tool api-model tools browser terraform terraform-scan clean-demo

help: ## List the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: ## Run the whole road on this machine, without AWS (ONCE=1: end after the first job)
	@command -v $(CARGO) >/dev/null || { echo "make: Rust is missing: install it from https://rustup.rs" >&2; exit 1; }
	@$(CARGO) build --locked --quiet --bins --example demo
	@target/debug/examples/demo $(if $(ONCE),--once)

test: fmt-check clippy unit doc-test ## Run every check and test

fmt-check: ## Is the code formatted?
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check

clippy: ## Lint, warnings are errors
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

unit: tools ## Unit, scenario and end-to-end tests
	$(CARGO) build --locked --workspace --bins --examples
	RECONCILER_TEST_PYTHON=$(VENV)/bin/python PATH="$(TOOLS)/bin:$$PATH" \
	  tools/postgres with $(CARGO) nextest run --locked --workspace --no-fail-fast

doc-test: ## Examples in the documentation
	$(CARGO) test --locked --workspace --doc --quiet

tools: $(VENV)/.installed browser ## Install what the tests need
	@PATH="$(TOOLS)/bin:$$PATH" $(CARGO) nextest --version >/dev/null 2>&1 || \
	  $(CARGO) install --locked --root $(TOOLS) cargo-nextest@$(NEXTEST_VERSION)

$(VENV)/.installed: Makefile
	@command -v python3 >/dev/null || { echo "make: python3 is missing: the tests drive the simulator with the AWS CLI and boto3, the API with Schemathesis, and a browser with Selenium" >&2; exit 1; }
	python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PYTHON_PACKAGES)
	@touch $@

# Debian's own pair, which fits together.
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver; } || \
	  { echo "make: chromium and chromedriver are missing: the page is tested in a browser (Debian: apt-get install chromium chromium-driver)" >&2; exit 1; }

fields: ## Every member of AWS's inputs: written, read back, changed, taken away (FILTER=tmpfs: those whose name contains it)
	@$(CARGO) build --locked --quiet --example fields
	@target/debug/examples/fields "$(FILTER)"

# The binary that its tests leave has all mistakes in it: nobody is to start that one later. The next build puts its own there.
museum: ## Mistakes of other controllers, planted here: does a test find each? (FILTER=quarantine: those whose name contains it)
	@$(CARGO) build --locked --quiet --features museum --example museum
	@target/debug/examples/museum "$(FILTER)"; ended=$$?; rm -f target/debug/reconciler; exit $$ended

# Optimised code in the folder of `make bench`, whose third-party crates serve as they are. A life writes its ledger to memory.
MATRIX_PROFILE := --profile bench --config 'profile.bench.package.reconciler.opt-level=1' \
  --config 'profile.bench.package.simulator.opt-level=1'
LEDGERS := $(firstword $(wildcard /dev/shm) /tmp)

matrix: ## Deployments with everything going wrong at every call (CASE="update: kill-after@7" replays one, SLICE=20 plays one of 20)
	@$(CARGO) build --locked --quiet --example matrix $(MATRIX_PROFILE)
	@TMPDIR=$(LEDGERS) SLICE=$(SLICE) SEED=$(SEED) target/release/examples/matrix "$(CASE)"

kills: ## The binary under 200 SIGKILLs during rollouts with real processes (SEED=7 repeats a run)
	@$(CARGO) build --locked --quiet --workspace --bins --examples
	@KILLS=200 $(if $(SEED),SEED=$(SEED)) $(CARGO) test --locked --quiet --test integration killed_again -- --nocapture

day: ## A day of the worker under load in virtual time: backlog per task, scaling moves, and nobody but scaling lowers a count
	@$(CARGO) test --locked --quiet --test integration scaling_day -- --nocapture --test-threads 1

deny: ## Licences, bans and sources; advisories where their database can be had
	@PATH="$(TOOLS)/bin:$$PATH" $(CARGO) deny --version >/dev/null 2>&1 || \
	  $(CARGO) install --locked --root $(TOOLS) cargo-deny@$(DENY_VERSION)
	PATH="$(TOOLS)/bin:$$PATH" $(CARGO) deny check licenses bans sources
	@PATH="$(TOOLS)/bin:$$PATH" $(CARGO) deny fetch db >/dev/null 2>&1 \
	  && PATH="$(TOOLS)/bin:$$PATH" $(CARGO) deny check advisories \
	  || echo "make: the advisory database can't be had here; advisories are not checked"

bench: ## What a fleet costs the operator, and what one API process holds
	$(CARGO) bench --locked --bench fleet
	$(CARGO) build --locked --profile bench -p api -p migrate --bins
	DURABLE=1 tools/postgres with $(CARGO) bench --locked --bench jobs

# libFuzzer by cargo-fuzz, on the stable compiler: without a sanitizer it needs no flag of a nightly one, and safe Rust has
# little for a sanitizer to find. What is new goes to fuzz/found; `make fuzz-corpus` takes the best of it into the corpus.
SECONDS ?= 60
FUZZ_TARGETS := manifests differ plan
FUZZ_SEEDS_manifests := src/manifest/gallery manifests
FUZZ_LIMITS := -rss_limit_mb=512 -timeout=5 -max_len=16384 -len_control=10

fuzz: fuzz-tool ## Throw bytes at manifests, differ and planner (SECONDS=60 for each)
	@mkdir -p $(addprefix fuzz/found/,$(FUZZ_TARGETS))
	@$(foreach target,$(FUZZ_TARGETS),PATH="$(TOOLS)/bin:$$PATH" $(CARGO) fuzz run --fuzz-dir fuzz --sanitizer none \
	  $(target) fuzz/found/$(target) fuzz/corpus/$(target) $(FUZZ_SEEDS_$(target)) \
	  -- -max_total_time=$(SECONDS) $(FUZZ_LIMITS) -print_final_stats=1 &&) true

fuzz-corpus: ## Take the best of what fuzzing found into fuzz/corpus
	@for target in $(FUZZ_TARGETS); do tools/fuzz-corpus.py $$target || exit 1; done

fuzz-tool:
	@PATH="$(TOOLS)/bin:$$PATH" $(CARGO) fuzz --version >/dev/null 2>&1 || \
	  $(CARGO) install --locked --root $(TOOLS) cargo-fuzz@$(FUZZ_VERSION)

api-model: ## Refresh the copy of AWS's API model from botocore
	@rm -rf $(TOOLS)/botocore
	python3 -m pip install --quiet --disable-pip-version-check --no-deps --target $(TOOLS)/botocore $(BOTOCORE_FOR_MODEL)
	PYTHONPATH=$(TOOLS)/botocore python3 tools/api-model.py

terraform: $(VENV)/.installed terraform-scan ## deploy/terraform: each module valid; the whole applied, planned again and destroyed against moto
	@$(VENV)/bin/python tools/terraform.py

terraform-scan: $(TOOLS)/checkov/.installed
	@$(TOOLS)/checkov/bin/checkov --directory deploy/terraform --framework terraform --compact --quiet --skip-download

$(TOOLS)/checkov/.installed: Makefile
	python3 -m venv $(TOOLS)/checkov
	$(TOOLS)/checkov/bin/python -m pip install --quiet --disable-pip-version-check checkov==$(CHECKOV_VERSION)
	@touch $@

clean-demo: ## Forget what the demo left behind
	rm -rf .demo
