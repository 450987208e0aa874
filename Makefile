.DEFAULT_GOAL := help
# One directory and one profile for everything, so that dependencies are built once. The scripts use it, too.
export CARGO_TARGET_DIR := $(CURDIR)/target
# The commit that `--version` and the metrics name; `unknown` outside of a git checkout.
export IAPI_REVISION := $(shell git describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null || echo unknown)

python_scripts = deploy/bin/chart deploy/bin/check-metrics deploy/bin/ci-rules deploy/bin/sbom
scripts = .ci/run $(filter-out $(python_scripts),$(wildcard deploy/bin/*)) deploy/demo/first-day $(wildcard deploy/demo/hooks/* deploy/demo/ssh/*)
suites = crates deployment together fuzz shell-api kas-api scim-api admin-api billing-api
yaml = $(shell git ls-files --cached --others --exclude-standard '*.yml' '*.yaml' ':!deploy/chart/templates')
yaml_style = {extends: default, rules: {document-start: disable, line-length: {max: 160}, comments: {min-spaces-from-content: 1}}}

.NOTPARALLEL: # cargo is parallel itself, with one build directory
.PHONY: run test check tour bench faults build lint dependencies advisories manifests monitoring chart cluster images deb doc help $(suites:%=test-%)

run: ## Start the services and the load balancer on 127.0.0.1:8080 with demo data in .data; Ctrl-C stops all.
	@deploy/bin/install-packages run
	@deploy/bin/build
	@deploy/bin/run

tour: ## Walk a newcomer through a running `make run`: the documented examples and real pushes.
	@deploy/bin/tour

test: ## Run every test on every database shape, beside a throw-away PostgreSQL and Redis.
	@deploy/bin/install-packages test
	@deploy/bin/test-suite

test-shell-api: ## Run the tests of shell-api on every database shape; likewise the targets that follow.
test-kas-api: ## Run the tests of kas-api.
test-scim-api: ## Run the tests of scim-api.
test-admin-api: ## Run the tests of admin-api.
test-billing-api: ## Run the tests of billing-api.
test-crates: ## Run the tests inside the crates that the services share.
test-together: ## Run the tests that need several services.
test-deployment: ## Run the tests of manifests, images and load balancer.
test-fuzz: ## Feed generated input to every parser.
$(suites:%=test-%): test-%:
	@deploy/bin/install-packages test
	@deploy/bin/test-suite $*

bench: ## Measure the programs as they are shipped, on a throw-away PostgreSQL and Redis, and print figures and targets.
	@deploy/bin/install-packages bench
	@cargo build --profile dist --locked --workspace --bins
	@deploy/bin/with-servers deploy/bin/bench

faults: ## Run every fault that the services must survive, 25 minutes, and print promise and figure of each (root).
	@deploy/bin/install-packages test
	@deploy/bin/faults

check: lint dependencies advisories manifests monitoring doc ## What CI runs: lint, dependencies, manifests, monitoring and documentation, then the tests.
	@$(MAKE) --no-print-directory test

build: ## Build every binary.
	@deploy/bin/install-packages run
	@deploy/bin/build

lint: ## Check the format and run clippy, warnings as errors.
	@deploy/bin/install-packages check
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings

dependencies: ## Check licences, sources and versions of all dependencies by deny.toml.
	@deploy/bin/install-packages check
	@deploy/bin/check-dependencies

advisories: ## Check the dependencies against the RustSec database. ADVISORIES=required fails where it cannot be reached.
	@deploy/bin/install-packages check
	@deploy/bin/check-advisories

manifests: ## Check the scripts, YAML files, Kubernetes manifests, systemd units, Dockerfile, pipeline and load balancer.
	@deploy/bin/install-packages check
	shellcheck $(scripts)
	$(if $(yaml),yamllint --strict -d '$(yaml_style)' $(yaml))
	PATH=$$PATH:/usr/sbin haproxy -c -f deploy/haproxy/haproxy.cfg
	deploy/bin/ci-rules --check
	target/tools/python/bin/python deploy/bin/chart fresh
	deploy/bin/monitoring
	deploy/bin/check-units
	deploy/bin/check-manifests

monitoring: ## Check the alerts and dashboards against the metrics of running services, after 30 s of traffic.
	@deploy/bin/install-packages check
	@deploy/bin/build
	@deploy/bin/monitoring live

chart: ## Compare the Helm chart with the overlays, by real helm. KUBERNETES_TOOLS names the directory of its programs.
	@deploy/bin/install-packages chart
	@target/tools/python/bin/python deploy/bin/chart

cluster: ## Apply the manifests to a real Kubernetes control plane. KUBERNETES_TOOLS names the directory of its programs.
	@deploy/bin/install-packages cluster
	@deploy/bin/cluster

images: ## Build the images from target/release, without an engine or a registry, and run each of them (root).
	@deploy/bin/install-packages images
	@cargo build --release --locked --workspace --bins
	@deploy/bin/images

deb: ## Build a Debian package of each service and of internal-apictl into target/deb, from programs of the profile `dist`.
	@deploy/bin/install-packages run
	@cargo build --profile dist --locked --workspace --bins
	@deploy/bin/deb target/dist

doc: ## Build the documentation of our crates, warnings as errors.
	@deploy/bin/install-packages run
	RUSTDOCFLAGS='-D warnings' cargo doc --release --no-deps --workspace --locked

help: ## Print each target with a sentence.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
