#include "bind_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "file.h"

#define FILE_BYTES ((size_t)256 << 20)

static int done(lua_State *L, int rc, const struct err *e)
{
	if (rc != 0)
		return bind_fail(L, e);
	lua_pushboolean(L, 1);
	return 1;
}

static int push_names(lua_State *L, const struct buf *b)
{
	const char *p, *end;
	lua_Integer i = 0;

	lua_newtable(L);
	p = (const char *)b->data;
	for (end = p + b->len; p < end; p += strlen(p) + 1) {
		lua_pushstring(L, p);
		lua_rawseti(L, -2, ++i);
	}
	return 1;
}

/* list(path) -> names | nil, message, code */
static int l_list(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct buf *b = bind_buf(L, FILE_BYTES);
	struct err e;

	if (file_list(path, b, &e) != 0)
		return bind_fail(L, &e);
	return push_names(L, b);
}

/* read(path) -> bytes | nil, message, code */
static int l_read(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct buf *b = bind_buf(L, FILE_BYTES);
	struct err e;

	if (file_read(path, b, &e) != 0)
		return bind_fail(L, &e);
	lua_pushlstring(L, (const char *)b->data, b->len);
	return 1;
}

/* write(path, bytes [, mode]) */
static int l_write(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	size_t n;
	const char *p = luaL_checklstring(L, 2, &n);
	struct err e;

	return done(L, file_write(path, p, n,
				  (int)luaL_optinteger(L, 3, 0644), &e), &e);
}

/* append(path, bytes) */
static int l_append(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	size_t n;
	const char *p = luaL_checklstring(L, 2, &n);
	struct err e;

	return done(L, file_append(path, p, n, &e), &e);
}

static int l_mkdir(lua_State *L)
{
	struct err e;

	return done(L, file_mkdir(luaL_checkstring(L, 1), &e), &e);
}

static const char *const kinds[] = { NULL, "file", "folder", "other" };

static int l_kind(lua_State *L)
{
	lua_pushstring(L, kinds[file_kind(luaL_checkstring(L, 1))]);
	return 1;
}

/* stat(path) -> bytes, changed_ms | nil, message, code */
static int l_stat(lua_State *L)
{
	int64_t bytes, changed;
	struct err e;
	int mode;

	if (file_stat(luaL_checkstring(L, 1), &bytes, &changed, &mode, &e) != 0)
		return bind_fail(L, &e);
	lua_pushinteger(L, bytes);
	lua_pushinteger(L, changed);
	lua_pushinteger(L, mode);
	return 3;
}

/* link(path) -> where the symbolic link leads, as it says; nil when it is none */
static int l_link(lua_State *L)
{
	char to[4096];
	ssize_t n = readlink(luaL_checkstring(L, 1), to, sizeof(to));

	if (n < 0 || (size_t)n == sizeof(to))
		return 0;
	lua_pushlstring(L, to, (size_t)n);
	return 1;
}

/* links(path) -> how many names a file has, nil when it is not there */
static int l_links(lua_State *L)
{
	struct stat st;

	if (lstat(luaL_checkstring(L, 1), &st) != 0)
		return 0;
	lua_pushinteger(L, (lua_Integer)st.st_nlink);
	return 1;
}

/* sync(path) -> true | nil, message, code: what was written to it is on the disk */
static int l_sync(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct err e;

	if (fd < 0 || fsync(fd) != 0)
		rc = err_errno(&e, errno, "cannot make %s durable", path);
	if (fd >= 0)
		close(fd);
	return done(L, rc, &e);
}

/* symlink(target, path) -> true | nil, message, code */
static int l_symlink(lua_State *L)
{
	struct err e;

	if (symlink(luaL_checkstring(L, 1), luaL_checkstring(L, 2)) == 0)
		return done(L, 0, NULL);
	err_errno(&e, errno, "cannot link %s", lua_tostring(L, 2));
	return bind_fail(L, &e);
}

static int l_isatty(lua_State *L)
{
	lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
	return 1;
}

static int l_getpid(lua_State *L)
{
	lua_pushinteger(L, getpid());
	return 1;
}

static int l_cwd(lua_State *L)
{
	char path[4096];

	lua_pushstring(L, getcwd(path, sizeof(path)));
	return 1;
}

/* ---- below a folder that is not left (beneath.h): root, name ---------------------- */

static int l_beneath_kind(lua_State *L)
{
	const char *root = luaL_checkstring(L, 1);

	lua_pushstring(L, kinds[beneath_kind(root, luaL_checkstring(L, 2))]);
	return 1;
}

static int l_beneath_read(lua_State *L)
{
	const char *root = luaL_checkstring(L, 1);
	const char *name = luaL_checkstring(L, 2);
	struct buf *b = bind_buf(L, FILE_BYTES);
	struct err e;

	if (beneath_read(root, name, b, &e) != 0)
		return bind_fail(L, &e);
	lua_pushlstring(L, (const char *)b->data, b->len);
	return 1;
}

static int l_beneath_write(lua_State *L)
{
	const char *root = luaL_checkstring(L, 1);
	const char *name = luaL_checkstring(L, 2);
	size_t n;
	const char *p = luaL_checklstring(L, 3, &n);
	struct err e;

	return done(L, beneath_write(root, name, p, n, &e), &e);
}

static int l_beneath_list(lua_State *L)
{
	const char *root = luaL_checkstring(L, 1);
	const char *name = luaL_checkstring(L, 2);
	struct buf *b = bind_buf(L, FILE_BYTES);
	struct err e;

	if (beneath_list(root, name, b, &e) != 0)
		return bind_fail(L, &e);
	return push_names(L, b);
}

static int with_name(lua_State *L, int (*fn)(const char *, const char *,
					     struct err *))
{
	const char *root = luaL_checkstring(L, 1);
	struct err e;

	return done(L, fn(root, luaL_checkstring(L, 2), &e), &e);
}

static int l_beneath_mkdir(lua_State *L) { return with_name(L, beneath_mkdir); }
static int l_beneath_rmdir(lua_State *L) { return with_name(L, beneath_rmdir); }
static int l_beneath_remove(lua_State *L) { return with_name(L, beneath_remove); }

int bind_open_file(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "list", l_list }, { "read", l_read }, { "write", l_write },
		{ "append", l_append }, { "mkdir", l_mkdir },
		{ "kind", l_kind }, { "stat", l_stat }, { "link", l_link },
		{ "links", l_links }, { "symlink", l_symlink },
		{ "sync", l_sync },
		{ "isatty", l_isatty }, { "getpid", l_getpid },
		{ "cwd", l_cwd },
		{ "beneath_kind", l_beneath_kind },
		{ "beneath_read", l_beneath_read },
		{ "beneath_write", l_beneath_write },
		{ "beneath_list", l_beneath_list },
		{ "beneath_mkdir", l_beneath_mkdir },
		{ "beneath_rmdir", l_beneath_rmdir },
		{ "beneath_remove", l_beneath_remove },
		{ NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}
