/* pty.c -- a program under a pseudo-terminal, for specs: require "pty".
 *
 *   fd, pid = spawn({ program, argument... }, rows, columns [, { "NAME=VALUE"... }])
 *   read(fd, ms)     -> what came within ms, "" when nothing did, nil at its end
 *   write(fd, text)
 *   resize(fd, rows, columns)
 *   raw(fd)          -> whether the program has the terminal in raw mode
 *   finish(fd, pid)  -> its exit code, or 128 + the signal; kills what still runs  */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const char **texts_of(lua_State *L, int t)
{
	lua_Integer i, n = luaL_len(L, t);
	const char **out = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof(*out), 0);

	for (i = 0; i < n; i++) {
		lua_rawgeti(L, t, i + 1);
		out[i] = luaL_checkstring(L, -1);
		lua_pop(L, 1);
	}
	out[n] = NULL;
	return out;
}

static int l_spawn(lua_State *L)
{
	struct winsize w = { 0 };
	const char **argv, **env = NULL;
	int fd;
	pid_t pid;

	luaL_checktype(L, 1, LUA_TTABLE);
	w.ws_row = (unsigned short)luaL_checkinteger(L, 2);
	w.ws_col = (unsigned short)luaL_checkinteger(L, 3);
	argv = texts_of(L, 1);
	if (!lua_isnoneornil(L, 4))
		env = texts_of(L, 4);
	pid = forkpty(&fd, NULL, NULL, &w);
	if (pid < 0)
		return luaL_error(L, "no pseudo-terminal: %s", strerror(errno));
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		for (; env != NULL && *env != NULL; env++)
			putenv((char *)*env);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	lua_pushinteger(L, fd);
	lua_pushinteger(L, pid);
	return 2;
}

static int l_read(lua_State *L)
{
	struct pollfd p = { (int)luaL_checkinteger(L, 1), POLLIN, 0 };
	char text[65536];
	ssize_t n = 0;

	if (poll(&p, 1, (int)luaL_checkinteger(L, 2)) > 0) {
		n = read(p.fd, text, sizeof(text));
		if (n <= 0)
			return 0;
	}
	lua_pushlstring(L, text, (size_t)n);
	return 1;
}

static int l_write(lua_State *L)
{
	int fd = (int)luaL_checkinteger(L, 1);
	size_t n, at = 0;
	const char *s = luaL_checklstring(L, 2, &n);

	while (at < n) {
		ssize_t wrote = write(fd, s + at, n - at);

		if (wrote < 0 && errno != EINTR)
			return luaL_error(L, "the terminal takes nothing: %s",
					  strerror(errno));
		at += wrote > 0 ? (size_t)wrote : 0;
	}
	return 0;
}

static int l_resize(lua_State *L)
{
	struct winsize w = { 0 };

	w.ws_row = (unsigned short)luaL_checkinteger(L, 2);
	w.ws_col = (unsigned short)luaL_checkinteger(L, 3);
	ioctl((int)luaL_checkinteger(L, 1), TIOCSWINSZ, &w);
	return 0;
}

static int l_raw(lua_State *L)
{
	struct termios t;

	if (tcgetattr((int)luaL_checkinteger(L, 1), &t) != 0)
		return 0;
	lua_pushboolean(L, (t.c_lflag & ICANON) == 0);
	return 1;
}

static int l_finish(lua_State *L)
{
	int fd = (int)luaL_checkinteger(L, 1), status = 0, i;
	pid_t pid = (pid_t)luaL_checkinteger(L, 2), got = 0;
	struct pollfd none = { -1, 0, 0 };

	/* open until then: closing it would be a signal to the program */
	for (i = 0; i < 500 && got == 0; i++) {
		got = waitpid(pid, &status, WNOHANG);
		if (got == 0)
			poll(&none, 1, 10);
	}
	close(fd);
	if (got == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status)
					     : 128 + WTERMSIG(status));
	return 1;
}

int luaopen_pty(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "spawn", l_spawn }, { "read", l_read }, { "write", l_write },
		{ "resize", l_resize }, { "raw", l_raw }, { "finish", l_finish },
		{ NULL, NULL }
	};

	luaL_newlib(L, functions);
	return 1;
}
