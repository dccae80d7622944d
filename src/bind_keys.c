/* bind_keys.c -- core.keys: a terminal of which single keys are read, on a screen that is
 * put away again.
 *
 *   k = open() -> k | nil, message, code
 *   k:read(ms) -> the bytes that came, "" when none did within ms | nil, "interrupt"
 *                 | nil, "end": the terminal is gone
 *   k:forget()    drop what was typed and not read
 *   k:leave()     give the terminal back for a while, k:enter() take it again
 *   k:close()     give it back
 *
 * However the process ends, short of SIGKILL, the terminal is as it was: at exit, and in
 * the handlers of the signals that end it. Ctrl-C is a signal here, so it also ends what is
 * at work between two keys; only while a key is awaited is it told as one. */
#include "bind_keys.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define KEYS "keel.keys"

/* Another screen, no cursor, and pasted text between marks, so that it is no keys. */
#define ENTER "\033[?1049h\033[?2004h\033[?25l"
#define LEAVE "\033[0m\033[?25h\033[?2004l\033[?1049l"

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT };
#define ENDING (sizeof(ending) / sizeof(ending[0]))

/* One terminal a process; handlers look at it. */
static struct termios before, during;
static struct sigaction old[ENDING];
static volatile sig_atomic_t is_taken, is_reading, is_interrupted;

static void say(const char *text)
{
	size_t n = strlen(text);
	ssize_t rc;

	do {
		rc = write(STDOUT_FILENO, text, n);
		if (rc > 0) {
			text += rc;
			n -= (size_t)rc;
		}
	} while (n > 0 && (rc > 0 || (rc < 0 && errno == EINTR)));
}

static void give_back(void)
{
	if (!is_taken)
		return;
	is_taken = 0;
	say(LEAVE);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void on_signal(int signum)
{
	int saved = errno;

	if (signum == SIGINT && is_reading) {
		is_interrupted = 1;
	} else {
		give_back();
		signal(signum, SIG_DFL);
		raise(signum);
	}
	errno = saved;
}

static void handle(void)
{
	struct sigaction a;
	size_t i;

	memset(&a, 0, sizeof(a));
	a.sa_handler = on_signal;
	sigfillset(&a.sa_mask);
	for (i = 0; i < ENDING; i++)
		sigaction(ending[i], &a, &old[i]);
}

static void unhandle(void)
{
	size_t i;

	for (i = 0; i < ENDING; i++)
		sigaction(ending[i], &old[i], NULL);
}

static int take(struct err *e)
{
	if (is_taken)
		return 0;
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return err_errno(e, errno, "no terminal to read keys from");
	during = before;
	during.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
	during.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
	during.c_cc[VMIN] = 1;
	during.c_cc[VTIME] = 0;
	/* these would stop it with the terminal taken */
	during.c_cc[VSUSP] = _POSIX_VDISABLE;
	during.c_cc[VQUIT] = _POSIX_VDISABLE;
	handle();
	is_taken = 1;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &during) != 0) {
		is_taken = 0;
		unhandle();
		return err_errno(e, errno, "the terminal gives no single keys");
	}
	say(ENTER);
	return 0;
}

static int l_enter(lua_State *L)
{
	struct err e;

	luaL_checkudata(L, 1, KEYS);
	if (take(&e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

static int l_leave(lua_State *L)
{
	luaL_checkudata(L, 1, KEYS);
	if (is_taken) {
		give_back();
		unhandle();
	}
	return 0;
}

static int l_open(lua_State *L)
{
	static int has_exit;
	struct err e;

	if (!has_exit && atexit(give_back) == 0)
		has_exit = 1;
	lua_newuserdatauv(L, 1, 0);
	luaL_setmetatable(L, KEYS);
	if (take(&e) != 0)
		return bind_fail(L, &e);
	return 1;
}

static int end_of(lua_State *L, const char *why)
{
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

static int l_read(lua_State *L)
{
	struct pollfd p = { STDIN_FILENO, POLLIN, 0 };
	char text[4096];
	ssize_t n = 0;
	int ms, rc;

	luaL_checkudata(L, 1, KEYS);
	ms = (int)luaL_checkinteger(L, 2);
	luaL_argcheck(L, is_taken, 1, "the terminal is not taken");
	is_reading = 1;
	rc = poll(&p, 1, ms);
	if (rc > 0)
		n = read(STDIN_FILENO, text, sizeof(text));
	is_reading = 0;
	if (is_interrupted) {
		is_interrupted = 0;
		return end_of(L, "interrupt");
	}
	if (rc > 0 && (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)))
		return end_of(L, "end");
	lua_pushlstring(L, text, n > 0 ? (size_t)n : 0);
	return 1;
}

static int l_forget(lua_State *L)
{
	luaL_checkudata(L, 1, KEYS);
	tcflush(STDIN_FILENO, TCIFLUSH);
	return 0;
}

int bind_open_keys(lua_State *L)
{
	static const luaL_Reg functions[] = { { "open", l_open },
					      { NULL, NULL } };
	static const luaL_Reg methods[] = {
		{ "read", l_read }, { "forget", l_forget }, { "enter", l_enter },
		{ "leave", l_leave }, { "close", l_leave }, { "__gc", l_leave },
		{ "__close", l_leave }, { NULL, NULL }
	};

	bind_class(L, KEYS, methods);
	bind_module(L, functions);
	return 1;
}
