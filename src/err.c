#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void err_write(struct err *e, int code, const char *fmt, va_list ap)
{
	e->code = code;
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (e != NULL) {
		va_start(ap, fmt);
		err_write(e, code, fmt, ap);
		va_end(ap);
	}
	return code;
}

static int code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:		/* ulimit -f */
		return ERR_FULL;
	case ENOMEM:
		return ERR_NOMEM;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	case ENOENT:
		return ERR_NOTFOUND;
	default:
		return ERR_IO;
	}
}

int err_errno(struct err *e, int errnum, const char *fmt, ...)
{
	int code = code_of_errno(errnum);
	size_t len;
	char why[96];
	va_list ap;

	if (e == NULL)
		return code;
	va_start(ap, fmt);
	err_write(e, code, fmt, ap);
	va_end(ap);
	len = strlen(e->msg);
	snprintf(e->msg + len, sizeof(e->msg) - len, ": %s",
		 strerror_r(errnum, why, sizeof(why)));
	return code;
}

const char *err_name(int code)
{
	static const char *const names[] = {
		"ok", "nomem", "io", "full", "locked", "damaged", "input",
		"limit", "not_found", "budget", "state", "conflict", "timeout",
		"network", "diverged", "newer", "denied"
	};
	size_t i = (size_t)-code;

	if (code > 0 || i >= sizeof(names) / sizeof(names[0]))
		return "internal";
	return names[i];
}
