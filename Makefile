# Keel. `make help` lists the targets.
#   B=build-asan       another build folder     F=spec/x_spec.lua   one spec file
#   FRESH=1            start the demo over      N='words'           one test

B       := build
VERSION := 0.1.0
CC      := cc
OPT     := -O2 -g
CFLAGS  := $(OPT)
WARN    := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wvla -Wshadow \
	   -Wstrict-prototypes -Wmissing-prototypes
SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	   -fno-sanitize-recover=undefined

.DEFAULT_GOAL := all
all: $B/keel		## build/keel, the only binary

include vendor/lua/rules.mk

# A library is linked statically where its archive exists.
libdir   := $(dir $(shell $(CC) -print-file-name=libc.so))
archive   = $(wildcard $(libdir)lib$1.a)
static    = $(or $(call archive,$1),-l$1)
EDIT      = $(if $(call archive,edit),$(foreach l,edit tinfo bsd md,$(call static,$l)),-ledit)
LIBS      = $(foreach l,sqlite3 jansson ev z stemmer,$(call static,$l)) $(EDIT) \
	    -lcrypto -lm -ldl -lpthread

# C modules for Lua find Lua's functions in the binary, and nothing else of it: a
# name of ours would be taken for theirs (luasocket has a socket_listen, too).
EXPORT   := -Wl,--export-dynamic-symbol='lua_*' -Wl,--export-dynamic-symbol='luaL_*'

SRC := $(wildcard src/*.c)
OBJ := $(SRC:src/%.c=$B/%.o) $B/embed.o
LUA := $(sort $(shell find lua -name '*.lua'))

$B/keel: $(OBJ) $B/lua/liblua.a
	$(CC) $(CFLAGS) $(EXPORT) -o $@ $(OBJ) -Wl,--whole-archive \
		$B/lua/liblua.a -Wl,--no-whole-archive $(LIBS)

$B/%.o: src/%.c $B/lua/liblua.a | $B/.deps
	$(CC) $(WARN) $(CFLAGS) $(LUA_CFLAGS) -DKEEL_VERSION='"$(VERSION)"' \
		-DKEEL_SYSTEM_LIB='"/usr/lib/$(shell $(CC) -print-multiarch)"' \
		-MMD -MP -Isrc -c -o $@ $<

$B/words.o: vendor/vectors/words-50k-100d.bin

# The Lua half: every file is compiled once here, so that a syntax error fails the
# build, and then carried as it is.
$B/embed.c: src/embed.lua $(LUA) $B/lua/lua
	@$B/lua/lua src/embed.lua $@ $(LUA)

$B/embed.o: $B/embed.c
	$(CC) $(CFLAGS) -Isrc -c -o $@ $<

-include $(wildcard $B/*.d)

# What the machine must have; asked once, and again when the list changes.
$B/.deps: vendor/packages
	@sh vendor/install.sh vendor/packages
	@mkdir -p $B && touch $@

# Lua's own build needs a compiler too, so the packages come first.
$B/lua/.edited: | $B/.deps

run: $B/keel		## the main job: two agents on real mail and notes
	$B/keel demo --home $B/demo $(if $(FRESH),--fresh)

BUSTED = $(or $(shell command -v busted),/usr/bin/busted)

test: $B/keel		## every spec; F=one file, N='words of one test'
	$B/keel lua $(BUSTED) --helper=spec/support/helper.lua \
		-o spec/support/report.lua --pattern='_spec%.lua$$' \
		$(if $N,--filter='$N') $(or $F,spec)

asan:			## the same specs under address + undefined sanitizers
	$(MAKE) test B=build-asan OPT='$(SANITIZE)'

-include spec/pty/rules.mk spec/crash/rules.mk spec/fuzz/rules.mk spec/torture/rules.mk spec/determinism/rules.mk spec/schedules/rules.mk spec/worlds/rules.mk
-include spec/powerloss/rules.mk spec/conformance/rules.mk spec/charge/rules.mk spec/budget/rules.mk bench/rules.mk

bench: $B/keel		## figures of this machine, beside their raw baselines
	@$B/keel lua bench/all.lua

PREFIX := /usr/local
SHARE   = $(DESTDIR)$(PREFIX)/share
install: $B/keel	## keel, its manual, completions and systemd units below $(DESTDIR)$(PREFIX)
	install -D -m 755 -s $B/keel $(DESTDIR)$(PREFIX)/bin/keel
	install -d $(SHARE)/man/man1 $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions \
		$(SHARE)/fish/vendor_completions.d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/systemd/user
	$B/keel help --man >$(SHARE)/man/man1/keel.1
	$B/keel completion bash >$(SHARE)/bash-completion/completions/keel
	$B/keel completion zsh >$(SHARE)/zsh/site-functions/_keel
	$B/keel completion fish >$(SHARE)/fish/vendor_completions.d/keel.fish
	sed 's|@PREFIX@|$(PREFIX)|' docs/systemd/keel@.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/keel@.service
	sed 's|@PREFIX@|$(PREFIX)|' docs/systemd/keel.service >$(DESTDIR)$(PREFIX)/lib/systemd/user/keel.service

uninstall:		## what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/keel $(SHARE)/man/man1/keel.1 $(SHARE)/bash-completion/completions/keel \
		$(SHARE)/zsh/site-functions/_keel $(SHARE)/fish/vendor_completions.d/keel.fish \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/keel@.service $(DESTDIR)$(PREFIX)/lib/systemd/user/keel.service

clean:			## forget everything built
	rm -rf build build-*

help:			## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: all run test asan bench install uninstall clean help

-include spec/mail/rules.mk spec/limits/rules.mk spec/reload/rules.mk spec/web/rules.mk spec/approvals/rules.mk spec/audit/rules.mk spec/costs/rules.mk
