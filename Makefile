# make demo · make test · make bench · make lint: all that a user or a contributor needs.
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: demo test bench lint toolchain servers

# A private server, a shop, the pipelines of examples/, verified. Under three minutes after compilation.
demo: toolchain servers
	@[ -x $(TARGET)/demo/rowmill ] || echo "demo: compiling rowmill, wasmtime (which runs the components) and the components;" \
		"about nine minutes on two cores, the first time only" >&2
	$(CARGO) build --profile demo --locked -p rowmill --features demo
	$(TARGET)/demo/rowmill demo

# Half of the time tests wait for servers: two at a time for each core. What they write lies in memory where there is room.
test: toolchain servers
	TMPDIR=$$(tools/memory.sh) RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(nproc)))} $(CARGO) test --workspace --locked

# Figures beside their limits, into target/bench/; `make bench WHAT=decode` for one section of
# boundary, decode, aggregates, pipeline, small, groups; the last takes four minutes. Nothing else should run
# on the machine.
bench: toolchain servers
	$(CARGO) build --profile demo --locked -p rowmill --features demo
	ROWMILL_DEMO=$(abspath $(TARGET))/demo/rowmill $(CARGO) bench --profile dist --locked -p rowmill-bench --bench bench -- $(WHAT)

lint: toolchain
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

# The compiler of rust-toolchain.toml and its wasm32-wasip2 target.
toolchain:
	@command -v $(CARGO) >/dev/null || { echo "rowmill needs Rust: install rustup from https://rustup.rs, then start again" >&2; exit 1; }
	@if command -v rustup >/dev/null; then rustup target list --installed 2>/dev/null | grep -qx wasm32-wasip2 || \
		{ echo "toolchain: adding the wasm32-wasip2 target, which components are built for" >&2; \
		  rustup toolchain install --no-self-update >&2 || rustup target add wasm32-wasip2 >&2; }; fi
	@command -v cc >/dev/null || { echo "rowmill needs a C compiler and linker: apt-get install build-essential" >&2; exit 1; }

# MariaDB and MySQL for the tests and the demo; says what it fetches and why.
servers:
	@tools/servers.sh
