# Lua: fetched, edited, compiled. Given B, CC and CFLAGS; gives LUA_CFLAGS,
# $(B)/lua/liblua.a and $(B)/lua/lua (a plain interpreter for the build).

LUA_DIR    := vendor/lua
LUA_SRC    := $(LUA_DIR)/src-5.4.4
LUA_EDITS  := $(sort $(wildcard $(LUA_DIR)/edits/*.edit))
LUA_CFLAGS := -I$(B)/lua
LUA_DEFS   := -std=gnu99 -DLUA_USE_POSIX -DLUA_USE_DLOPEN
LUA_NAMES  := api code ctype debug do dump fuel func gc lex mem object opcodes \
	      parser state string table tm undump vm zio auxlib baselib corolib \
	      dblib iolib mathlib oadlib oslib strlib tablib utf8lib init
LUA_OBJ    := $(LUA_NAMES:%=$(B)/lua/l%.o)

$(LUA_SRC)/.ready: $(LUA_DIR)/fetch
	@$(LUA_DIR)/fetch && touch $@

$(B)/lua/.edited: $(LUA_SRC)/.ready $(LUA_DIR)/edit $(LUA_EDITS) \
		$(LUA_DIR)/lfuel.c $(LUA_DIR)/lfuel.h
	@mkdir -p $(B)/lua
	@$(LUA_DIR)/edit $(LUA_SRC)/src $(B)/lua $(LUA_EDITS)
	@cp $(LUA_DIR)/lfuel.c $(LUA_DIR)/lfuel.h $(B)/lua/
	@touch $@

$(LUA_OBJ:.o=.c): $(B)/lua/.edited ;

$(LUA_OBJ): %.o: %.c $(B)/lua/.edited | $(B)/.deps
	$(CC) $(LUA_DEFS) $(CFLAGS) -c -o $@ $<

$(B)/lua/liblua.a: $(LUA_OBJ)
	@rm -f $@
	$(AR) rcs $@ $(LUA_OBJ)

$(B)/lua/lua: $(B)/lua/liblua.a
	$(CC) $(LUA_DEFS) $(CFLAGS) -Wl,-E -o $@ $(B)/lua/lua.c $(B)/lua/liblua.a -lm -ldl
