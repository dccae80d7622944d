# make bench-sandbox: build/keel with stock Lua beside the edited one, whose `bench
# sandbox` compares with stock Lua.

$B/bench/sandbox_stock.o: bench/sandbox_stock.c src/sandbox_bench.h \
		src/sandbox_bench_bare.h $(LUA_SRC)/.ready
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) -I$(LUA_SRC)/src -Isrc -c -o $@ $<

$B/bench/stock.o: $B/bench/sandbox_stock.o $(LUA_STOCK)
	$(call stock_join,$@,$<)

$B/bench/sandbox: $(OBJ) $B/lua/liblua.a $B/bench/stock.o
	$(CC) $(CFLAGS) $(EXPORT) -o $@ $(OBJ) $B/bench/stock.o -Wl,--whole-archive \
		$B/lua/liblua.a -Wl,--no-whole-archive $(LIBS)

bench-sandbox: $B/bench/sandbox	## overhead of the sandbox against stock Lua
	@$B/bench/sandbox bench sandbox $(if $(RUNS),--runs $(RUNS)) --json

.PHONY: bench-sandbox
