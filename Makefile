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
PKGS    := sqlite3 jansson libcrypto
STATIC  := sqlite3 jansson

.DEFAULT_GOAL := all
all: $B/keel		## build/keel

include vendor/lua/rules.mk

# A library is linked statically where its archive exists.
libdir   := $(shell $(CC) -print-file-name=libc.so | xargs dirname 2>/dev/null)
archive   = $(wildcard $(libdir)/lib$1.a)
static    = $(or $(call archive,$1),-l$1)
LIBS      = $(call static,sqlite3) $(call static,jansson) $(call static,ev) \
	    $(call static,edit) $(call static,z) -ltinfo -lcrypto -lm -ldl -lpthread

# C modules for Lua find Lua's functions in the binary, and nothing else of it: a name
# of ours would otherwise be taken for theirs (luasocket has a socket_listen, too).
EXPORT := -Wl,--export-dynamic-symbol='lua_*' -Wl,--export-dynamic-symbol='luaL_*'

SRC := $(wildcard src/*.c)
OBJ := $(SRC:src/%.c=$B/%.o) $B/embed.o
LUA := $(sort $(shell find lua -name '*.lua' 2>/dev/null))

$B/keel: $(OBJ) $(B)/lua/liblua.a
	$(CC) $(CFLAGS) $(EXPORT) -o $@ $(OBJ) -Wl,--whole-archive \
		$(B)/lua/liblua.a -Wl,--no-whole-archive $(LIBS)

# Hidden: -rdynamic shows Lua's functions to C modules, and must not show ours, or
# a module that has a function of the same name would call it.
$B/%.o: src/%.c $(B)/lua/liblua.a | $B/.deps
	$(CC) $(WARN) $(CFLAGS) -fvisibility=hidden $(LUA_CFLAGS) -DKEEL_VERSION='"$(VERSION)"' \
		-DKEEL_SYSTEM_LIB='"/usr/lib/$(shell $(CC) -print-multiarch)"' \
		-MMD -MP -Isrc -c -o $@ $<

$B/words.o: vendor/vectors/words-50k-100d.bin

$B/embed.c: src/embed.lua $(LUA) $(B)/lua/lua
	$(B)/lua/lua src/embed.lua $@ $(LUA)

$B/embed.o: $B/embed.c
	$(CC) $(CFLAGS) -Isrc -c -o $@ $<

-include $(wildcard $B/*.d)

# What the machine must have; asked once, and again when the list changes.
$B/.deps: vendor/packages
	@sh vendor/install.sh vendor/packages
	@mkdir -p $B && touch $@

BUSTED := $(shell command -v busted 2>/dev/null || echo /usr/bin/busted)

run: $B/keel		## the main job: two agents on real mail and notes
	$B/keel demo --home $B/demo $(if $(FRESH),--fresh)

test: $B/keel		## every spec; F=one file, N='words of one test'
	$B/keel lua $(BUSTED) --helper=spec/support/helper.lua -o spec/support/report.lua \
		--pattern='_spec%.lua$$' \
		$(if $N,--filter='$N') $(or $F,spec)

asan:			## the same specs under address + undefined sanitizers
	$(MAKE) test B=build-asan OPT='-O1 -g -fno-omit-frame-pointer \
		-fsanitize=address,undefined -fno-sanitize-recover=undefined'

include spec/fuzz/rules.mk
include spec/crash/rules.mk

clean:			## forget everything built
	rm -rf build build-*

help:			## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: all run test asan clean help
