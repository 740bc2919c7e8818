# The two commands of the README, and what developers use between them.
.PHONY: demo test check fmt bench

# Builds without link-time optimisation and runs the main job offline; `make demo ARGS=--gate` gives the gates' code.
demo:
	cargo run --quiet --profile demo --package seatrial -- demo $(ARGS)

# Everything that CI runs.
test:
	./scripts/test.sh

check:
	cargo xtask tidy

fmt:
	cargo fmt --all

bench:
	./benches/run.sh
