# A program under a pseudo-terminal, for specs of what is seen there.
$B/spec/pty.so: spec/pty/pty.c $B/lua/liblua.a
	@mkdir -p $B/spec
	$(CC) -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g -fPIC -shared \
		$(LUA_CFLAGS) -o $@ $< -lutil

test: $B/spec/pty.so
