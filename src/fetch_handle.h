/* fetch_handle.h -- handles of libcurl, set up for a kind of request and kept for the next
 * of its kind: those that differ in their bodies alone. */
#ifndef KEEL_FETCH_HANDLE_H
#define KEEL_FETCH_HANDLE_H

#include "fetch.h"
#include "libcurl.h"

#define FETCH_SPARE 64		/* handles that are kept */

struct fetch_handle {
	CURL *easy;			/* NULL: none                          */
	struct curl_slist *headers;
	char *likeness;			/* what it is set up for; or NULL      */
	size_t n;
};

struct fetch_handles {
	struct fetch_handle spare[FETCH_SPARE];
	int count;
};

/* What every handle calls; who is called is the handle's own (CURLOPT_*DATA). */
struct fetch_hooks {
	curl_prereq_callback before;
	curl_opensocket_callback open_public;	/* for public_only */
	curl_write_callback header, body;
};

/* A handle for the request, but for what is its own: the body, the times, the data of
 * the hooks. 0, or ERR_NOMEM with *h empty. */
int fetch_handle_take(struct fetch_handles *all, const struct fetch_request *r,
		      const struct fetch_hooks *hooks, struct fetch_handle *h);
/* Done with: *h is empty then. It must not be in a multi handle any more. */
void fetch_handle_give(struct fetch_handles *all, struct fetch_handle *h);
void fetch_handles_drop(struct fetch_handles *all);

#endif
