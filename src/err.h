/* err.h -- how a failure travels.
 *
 * A call that can fail returns 0, or one of the negative codes below after
 * leaving a sentence for a person in the caller's struct err. The sentence says
 * what failed and on what, in lower case, without a full stop. Reporting never
 * allocates, so it also works when memory is what failed. On failure the
 * out-parameters of a call are untouched. */
#ifndef KEEL_ERR_H
#define KEEL_ERR_H

enum err_code {
	ERR_NOMEM = -1,		/* memory could not be had                        */
	ERR_IO = -2,		/* the system refused a read or a write           */
	ERR_FULL = -3,		/* no space left on the device                    */
	ERR_LOCKED = -4,	/* another process owns it                        */
	ERR_DAMAGED = -5,	/* stored bytes are not what was written          */
	ERR_INPUT = -6,		/* what came from outside is malformed            */
	ERR_LIMIT = -7,		/* a declared ceiling was reached                 */
	ERR_NOTFOUND = -8,	/* no such thing                                  */
	ERR_BUDGET = -9,	/* money, tokens or calls would be overspent      */
	ERR_STATE = -10,	/* the thing is not in a state that allows this   */
	ERR_CONFLICT = -11,	/* somebody else changed it first                 */
	ERR_TIMEOUT = -12,	/* a deadline passed                              */
	ERR_NETWORK = -13,	/* the other side could not be reached            */
	ERR_DIVERGED = -14,	/* a replay did something else than the record    */
	ERR_NEWER = -15,	/* written by a program that knows more than this */
	ERR_DENIED = -16	/* this user may not, or nobody may write there   */
};

struct err {
	int code;
	char msg[500];
};

/* Fill *e (which may be NULL) and return code. */
int err_set(struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for errno: ERR_FULL for ENOSPC, EDQUOT and EFBIG, ERR_NOMEM for ENOMEM,
 * ERR_NOTFOUND for ENOENT, ERR_DENIED for EACCES, EPERM and EROFS, else ERR_IO;
 * ": reason" is appended. */
int err_errno(struct err *e, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The word that Lua and JSON see for a code: "nomem", "full", ... */
const char *err_name(int code);

#endif
