# make fuzz: each spec/fuzz/*.c (linked with FUZZ_SRC) under libFuzzer with both sanitizers, each for
# FUZZ_SECONDS. What it found before (the corpus in $B-fuzz) is kept and used again;
# an input that breaks a promise is left in $B-fuzz/NAME-crash-*.

FUZZ_SECONDS ?= 10
FUZZ_CC      ?= clang
FUZZ_DIR     := $B-fuzz
FUZZERS      := $(patsubst spec/fuzz/%.c,%,$(wildcard spec/fuzz/*.c))
FUZZ_SRC     := $(addprefix src/,buf.c codec.c cron.c err.c json.c segment.c token.c)
FUZZ_FLAGS   := -std=c11 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer \
		-fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -Isrc -Ispec/fuzz

# Whether this machine's compiler can; asked only when fuzzing.
ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
FUZZ_WORKS := $(shell echo 'int LLVMFuzzerTestOneInput(void){return 0;}' | \
	$(FUZZ_CC) -fsanitize=fuzzer -x c - -o /dev/null 2>/dev/null && echo yes)
endif

fuzz: $B/keel		## the parsers under libFuzzer; FUZZ_SECONDS=10 each
ifeq ($(FUZZ_WORKS),yes)
	@$(MAKE) --no-print-directory B=$B $(FUZZERS:%=$(FUZZ_DIR)/%)
	$B/keel lua spec/fuzz/corpus.lua $(FUZZ_DIR)/seeds
	@for f in $(FUZZERS); do \
		mkdir -p $(FUZZ_DIR)/corpus/$$f && echo "fuzz: $$f, $(FUZZ_SECONDS) s" && \
		$(FUZZ_DIR)/$$f -max_total_time=$(FUZZ_SECONDS) -max_len=4096 \
			-timeout=5 -rss_limit_mb=1024 -verbosity=0 \
			-print_final_stats=1 \
			-artifact_prefix=$(FUZZ_DIR)/$$f- \
			$(FUZZ_DIR)/corpus/$$f $(FUZZ_DIR)/seeds/$$f \
			2>$(FUZZ_DIR)/$$f.log || { cat $(FUZZ_DIR)/$$f.log; exit 1; }; \
		sed -n 's/^stat::number_of_executed_units: */  inputs tried: /p' \
			$(FUZZ_DIR)/$$f.log; \
	done
else
	@echo "fuzz: skipped, $(FUZZ_CC) with libFuzzer is not here (clang, libclang-rt-dev)"
endif

$(FUZZ_DIR)/%: spec/fuzz/%.c spec/fuzz/fuzz.h $(FUZZ_SRC) $(wildcard src/*.h)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -o $@ $< $(FUZZ_SRC) \
		-Wl,--start-group $(call static,jansson) $(call static,z) -Wl,--end-group -lm

.PHONY: fuzz
