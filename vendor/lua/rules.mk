# Lua: fetched, edited, compiled. Given B, CC and CFLAGS; gives LUA_CFLAGS,
# $(B)/lua/liblua.a and $(B)/lua/lua (a plain interpreter for the build); for
# comparisons LUA_STOCK, the same source without edits, and stock_join.

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

# An interpreter jumps from instruction to instruction: what merges these jumps into
# one, and keeps values alive across them, costs it registers and predictions.
# (GCC's names; the loop is built without them where they are unknown.)
LUA_VM_OPT := $(shell echo | $(CC) -Werror -fno-gcse -fno-crossjumping \
	      --param max-goto-duplication-insns=100 -x c -fsyntax-only - \
	      2>/dev/null && echo -fno-gcse -fno-crossjumping \
	      --param max-goto-duplication-insns=100)

$(B)/lua/lvm.o: LUA_OPT := $(LUA_VM_OPT)

$(LUA_OBJ): %.o: %.c $(B)/lua/.edited | $(B)/.deps
	$(CC) $(LUA_DEFS) $(CFLAGS) $(LUA_OPT) -c -o $@ $<

$(B)/lua/liblua.a: $(LUA_OBJ)
	@rm -f $@
	$(AR) rcs $@ $(LUA_OBJ)

$(B)/lua/lua: $(B)/lua/liblua.a
	$(CC) $(LUA_DEFS) $(CFLAGS) -Wl,-E -o $@ $(B)/lua/lua.c $(B)/lua/liblua.a -lm -ldl

LUA_STOCK  := $(patsubst %,$(B)/lua/stock/l%.o,$(filter-out fuel,$(LUA_NAMES)))

$(LUA_STOCK): $(B)/lua/stock/%.o: $(LUA_SRC)/.ready | $(B)/.deps
	@mkdir -p $(@D)
	$(CC) $(LUA_DEFS) $(CFLAGS) -c -o $@ $(LUA_SRC)/src/$*.c

# $(call stock_join,OUT,OBJECTS): OBJECTS, compiled with -I$(LUA_SRC)/src, and stock
# Lua as one object that lives beside the edited Lua in one program: what does not
# begin with stock_ is renamed to begin with it.
define stock_join
ld -r -o $1.all $2 $(LUA_STOCK)
nm -g --defined-only $1.all | awk '$$3 !~ /^stock_/ { print $$3, "stock_" $$3 }' >$1.names
objcopy --redefine-syms=$1.names $1.all $1
@rm -f $1.all $1.names
endef
