.DEFAULT_GOAL := help
# One directory and one profile for everything: dependencies are built once. The scripts look there, too.
export CARGO_TARGET_DIR := $(CURDIR)/target

scripts = .ci/run $(filter-out %/check-licences %/sbom,$(wildcard deploy/bin/*)) $(wildcard deploy/demo/hooks/*)
yaml = $(shell git ls-files --cached --others --exclude-standard '*.yml' '*.yaml')
yaml_style = {extends: default, rules: {document-start: disable, line-length: {max: 160}, comments: {min-spaces-from-content: 1}}}

.NOTPARALLEL: # cargo has its own parallelism, and one build directory
.PHONY: run test check tour bench build lint licences manifests images doc help

run: ## Start the services and the balancer on 127.0.0.1:8080 with demo data in .data; Ctrl-C stops all.
	@deploy/bin/install-packages run
	@cargo build --release --locked --workspace --bins
	@deploy/bin/run

tour: ## Walk a newcomer through a running `make run`: the documented examples and real pushes.
	@deploy/bin/tour

test: ## Run every test on SQLite and on a throw-away PostgreSQL, beside a throw-away Redis.
	@deploy/bin/install-packages test
	@deploy/bin/test-suite

bench: ## Measure, on a throw-away PostgreSQL and Redis, and print the table of figures and targets.
	@deploy/bin/install-packages bench
	@cargo build --release --locked --workspace --bins
	@deploy/bin/with-servers deploy/bin/bench

check: lint licences manifests doc ## What CI runs: lint, licences, manifests and documentation, then the tests.
	@$(MAKE) --no-print-directory test

build: ## Build every binary.
	@deploy/bin/install-packages run
	@cargo build --release --locked --workspace --bins

lint: ## Check the format and run clippy, warnings as errors.
	@deploy/bin/install-packages check
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings

licences: ## Check that every dependency may be used under permissive terms.
	@deploy/bin/install-packages check
	@deploy/bin/check-licences

manifests: ## Check the scripts, the YAML files, the Kubernetes manifests, the Dockerfile and the balancer's configuration.
	@deploy/bin/install-packages check
	shellcheck $(scripts)
	$(if $(yaml),yamllint --strict -d '$(yaml_style)' $(yaml))
	PATH=$$PATH:/usr/sbin haproxy -c -f deploy/haproxy/haproxy.cfg
	deploy/bin/check-manifests

images: ## Build the images from target/release, without an engine or a registry, and run each of them (root).
	@deploy/bin/install-packages images
	@cargo build --release --locked --workspace --bins
	@deploy/bin/images

doc: ## Build the documentation of our crates, warnings as errors.
	@deploy/bin/install-packages run
	RUSTDOCFLAGS='-D warnings' cargo doc --release --no-deps --workspace --locked

help: ## Print each target with a sentence.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
