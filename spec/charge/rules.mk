# make charges: ns a unit of fuel and the longest stretch, for each loop that a script
# can drive; N='words' takes only the cases with these words in their names.

charges: $B/charges	## what a unit of fuel costs in each library loop; N=words
	@$B/charges spec/charge/cases.lua '$N'

$B/charges: spec/charge/charge.c $(OBJ) $(B)/lua/liblua.a
	$(CC) $(WARN) $(CFLAGS) $(LUA_CFLAGS) -Isrc -o $@ $< $(filter-out $B/main.o,$(OBJ)) \
		-Wl,--whole-archive $(B)/lua/liblua.a -Wl,--no-whole-archive $(LIBS)

.PHONY: charges
