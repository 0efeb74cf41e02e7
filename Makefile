# SPDX-License-Identifier: Apache-2.0
# A thin front of meson: "make" builds build/smbkit, "make help" lists the rest.
BUILD ?= build
BUILDTYPE ?= debugoptimized
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
NINJA = ninja -C $(BUILD) -j$(JOBS)

# Where "make demo" listens.
DEMO_LISTEN ?= 127.0.0.1:4450

.PHONY: all help deps configure demo check check-quick check-long check-all format install bench clean

all: configure
	@$(NINJA)

help:
	@echo 'make              build $(BUILD)/smbkit'
	@echo 'make deps         install what building needs (Debian, root or sudo)'
	@echo 'make demo         build, serve two shares on $(DEMO_LISTEN), tell how to connect'
	@echo 'make check        tests and checks; fetches the tools that they need; under 25 minutes'
	@echo 'make check-long   what takes longer: stress, smbtorture on a folder, a Linux guest, fuzzers'
	@echo 'make check-all    both, what .ci/run asks for; one total; three quarters of an hour'
	@echo 'make check-quick  style, manuals and unit tests only'
	@echo 'make format       clang-format over all sources'
	@echo 'make install      install below PREFIX ($(PREFIX)); DESTDIR for packagers'
	@echo 'make bench        measure against smbd of Samba, into docs/performance.md; as root, half an hour'
	@echo 'make clean        remove what was built'

deps:
	@scripts/install-deps build

# Sources are found by listing folders, so meson is asked every time; it takes about a second.
configure:
	@scripts/configure $(BUILD) -Dbuildtype=$(BUILDTYPE) -Dprefix=$(abspath $(PREFIX))

demo: deps configure
	@$(NINJA) smbkit
	@scripts/demo $(BUILD)/smbkit $(DEMO_LISTEN)

check:
	@scripts/install-deps build check
	@tests/run

check-long:
	@scripts/install-deps build check
	@tests/run --long

check-all:
	@scripts/install-deps build check
	@tests/run --all

check-quick:
	@tests/run --quick

format:
	@scripts/format

install: all
	DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

bench: all
	@scripts/install-deps build bench
	@bench/run $(BUILD)/smbkit --write docs/performance.md

clean:
	rm -rf $(BUILD) build-asan build-tsan build-clang build-fuzz build-mingw
