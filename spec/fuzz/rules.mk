# make fuzz: every target under libFuzzer with both sanitizers, each for FUZZ_SECONDS.
#   spec/fuzz/NAME.c        a target of its own. Those of FUZZ_PAIRS hold both Luas,
#                           ours and stock (pair/); the others what FUZZ_SRC names
#   spec/fuzz/lua/NAME.lua  a target for a part of the Lua half: spec/fuzz/half.c
#                           gives it the bytes, its lines are the coverage
# What was found before (the corpus in $B-fuzz) is kept and used again; an input that
# breaks a promise is left in $B-fuzz/NAME-crash-*. T=NAME: this target alone.

FUZZ_SECONDS ?= 10
FUZZ_CC      ?= clang
FUZZ_DIR     := $B-fuzz
FUZZ_PAIRS   := lib program
FUZZ_HOSTS   := border half wire
FUZZ_PARTS   := $(patsubst spec/fuzz/lua/%.lua,%,$(wildcard spec/fuzz/lua/*.lua))
FUZZ_PLAIN   := $(filter-out $(FUZZ_PAIRS) $(FUZZ_HOSTS),$(patsubst spec/fuzz/%.c,%,$(wildcard spec/fuzz/*.c)))
FUZZERS      := $(or $T,$(FUZZ_PLAIN) $(FUZZ_PAIRS) $(filter-out half,$(FUZZ_HOSTS)) $(FUZZ_PARTS))
FUZZ_SRC     := $(addprefix src/,buf.c codec.c cron.c err.c json.c segment.c token.c)
FUZZ_SAN     := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_FLAGS   := -std=c11 -D_GNU_SOURCE -Wall -Wextra $(FUZZ_SAN) -fsanitize=fuzzer -Isrc -Ispec/fuzz -Ispec/fuzz/pair

# Everything else comes from the usual rules, built into $B-fuzz. Both Luas hash
# strings with the same seed there (pair.h). An older clang does not say that the
# address sanitizer is on, which src/arena.h must know.
FUZZ_MAKE    := $(MAKE) -s --no-print-directory B=$(FUZZ_DIR) FUZZ_DIR=$(FUZZ_DIR) CC=$(FUZZ_CC) WARN='-std=c11 -D_GNU_SOURCE' \
		OPT="$(FUZZ_SAN) -fsanitize-coverage=inline-8bit-counters,pc-table -D__SANITIZE_ADDRESS__=1 -D'luai_makeseed(L)=42u'"

# Whether this machine's compiler can; asked only when fuzzing.
ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
FUZZ_WORKS := $(shell echo 'int LLVMFuzzerTestOneInput(void){return 0;}' | \
	$(FUZZ_CC) -fsanitize=fuzzer -x c - -o /dev/null 2>/dev/null && echo yes)
endif

fuzz: $B/keel		## parsers and libraries under libFuzzer; FUZZ_SECONDS=10 each, T=one
ifeq ($(FUZZ_WORKS),yes)
	@$(FUZZ_MAKE) -j$(shell nproc) $(patsubst %,$(FUZZ_DIR)/fuzz-%,$(filter-out $(FUZZ_PARTS),$(FUZZERS)) half)
	$B/keel lua spec/fuzz/corpus.lua $(FUZZ_DIR)/seeds
	@$(MAKE) --no-print-directory -k -j$(shell nproc) FUZZ_DIR=$(FUZZ_DIR) $(FUZZERS:%=fuzz-run-%)
else
	@echo "fuzz: skipped, $(FUZZ_CC) with libFuzzer is not here (clang, libclang-rt-dev)"
endif

# One target for its time; its log is shown when it broke something.
fuzz-run-%:
	@mkdir -p $(FUZZ_DIR)/corpus/$* $(FUZZ_DIR)/seeds/$*
	@export ASAN_OPTIONS=malloc_context_size=3; \
	f=$(FUZZ_DIR)/fuzz-$(if $(filter $*,$(FUZZ_PARTS)),half,$*) && \
		FUZZ_PART=$* KEEL_LUA=lua $$f -max_total_time=$(FUZZ_SECONDS) -max_len=8192 \
			-entropic=0 -len_control=0 $(if $(filter $*,$(FUZZ_PARTS)),-detect_leaks=0) \
			-timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$(FUZZ_DIR)/$*- \
			$(FUZZ_DIR)/corpus/$* $(FUZZ_DIR)/seeds/$* 2>$(FUZZ_DIR)/$*.log || \
		{ echo "fuzz: $* is broken:"; head -c 20000 $(FUZZ_DIR)/$*.log; exit 1; }; \
	echo "fuzz: $*, $(FUZZ_SECONDS) s, inputs tried: $$(sed -n 's/^stat::number_of_executed_units: *//p' $(FUZZ_DIR)/$*.log)"

FUZZ_HEADERS := $(wildcard spec/fuzz/*.h spec/fuzz/pair/*.h src/*.h)

# Of all that Keel is, a target takes what it reaches.
$(FUZZ_DIR)/all.a: $(filter-out $B/main.o,$(OBJ)) $B/lua/liblua.a
	@rm -f $@
	$(AR) rcs $@ $(filter %.o,$^)

$(FUZZ_PAIRS:%=$(FUZZ_DIR)/fuzz-%): $(FUZZ_DIR)/fuzz-%: spec/fuzz/%.c spec/fuzz/pair/ours.c $(FUZZ_DIR)/stock.o \
		$(FUZZ_DIR)/all.a $(FUZZ_HEADERS)
	$(CC) $(FUZZ_FLAGS) $(LUA_CFLAGS) -o $@ $(filter %.c %.o %.a,$^) $B/lua/liblua.a $(LIBS)

$(FUZZ_HOSTS:%=$(FUZZ_DIR)/fuzz-%): $(FUZZ_DIR)/fuzz-%: spec/fuzz/%.c $(FUZZ_DIR)/all.a $(FUZZ_HEADERS)
	$(CC) $(FUZZ_FLAGS) $(LUA_CFLAGS) -o $@ $(filter %.c %.a,$^) $B/lua/liblua.a $(LIBS)

$(FUZZ_PLAIN:%=$(FUZZ_DIR)/fuzz-%): $(FUZZ_DIR)/fuzz-%: spec/fuzz/%.c $(FUZZ_SRC) $(FUZZ_HEADERS)
	$(CC) $(FUZZ_FLAGS) -o $@ $< $(FUZZ_SRC) \
		-Wl,--start-group $(call static,jansson) $(call static,z) -Wl,--end-group -lm

$(FUZZ_DIR)/pair-stock.o: spec/fuzz/pair/stock.c $(FUZZ_HEADERS) $(LUA_SRC)/.ready
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(OPT) -I$(LUA_SRC)/src -Ispec/fuzz -Ispec/fuzz/pair -c -o $@ $<

$(FUZZ_DIR)/stock.o: $(FUZZ_DIR)/pair-stock.o $(LUA_STOCK)
	$(call stock_join,$@,$<)

.PHONY: fuzz
