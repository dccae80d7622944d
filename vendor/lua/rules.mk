# temporary until vendor/lua/fetch exists
LUA_CFLAGS := -I$(B)/lua
$(B)/lua/liblua.a: 
	mkdir -p $(B)/lua && cp -r $(LUA_TMP)/src/* $(B)/lua/
	cd $(B)/lua && rm -f luac.c && for f in l*.c; do [ $$f = lua.c ] || $(CC) -O2 -g -DLUA_USE_POSIX -DLUA_USE_DLOPEN -c $$f || exit 1; done; ar rcs liblua.a $$(ls *.o)
$(B)/lua/lua: $(B)/lua/liblua.a
	cd $(B)/lua && $(CC) -O1 -o lua lua.c liblua.a -lm -ldl
