/* libcurl.h -- libcurl, loaded when it is first needed: a process that never calls out
 * does not carry it. The types come from its header, so a call through the table is
 * checked as if it were linked. */
#ifndef KEEL_LIBCURL_H
#define KEEL_LIBCURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "err.h"

#define LIBCURL_FUNCTIONS(X) \
	X(global_init) X(slist_append) X(slist_free_all) X(easy_init) \
	X(easy_cleanup) X(easy_reset) X(easy_setopt) X(easy_getinfo) \
	X(easy_strerror) X(multi_init) X(multi_cleanup) X(multi_setopt) \
	X(multi_add_handle) X(multi_remove_handle) X(multi_info_read) \
	X(multi_socket_action) X(multi_assign) X(easy_send) X(easy_recv)

struct libcurl {
#define LIBCURL_MEMBER(name) __typeof__(curl_##name) *name;
	LIBCURL_FUNCTIONS(LIBCURL_MEMBER)
#undef LIBCURL_MEMBER
};

/* Its functions; NULL before libcurl_load() gave 0. */
extern const struct libcurl *libcurl;

/* Load it once: 0, or ERR_NOTFOUND, ERR_NOMEM. */
int libcurl_load(struct err *e);

#endif
