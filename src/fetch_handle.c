#include "fetch_handle.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define curl (*libcurl)

#define LIKENESS 2048		/* bytes of a likeness, at most                */
#define READ_BYTES 4096L	/* of a reply at once: hundreds may be open     */

/* Keys travel in the headers: leave no copy in freed memory. */
static void forget_headers(struct curl_slist *list)
{
	struct curl_slist *h;

	for (h = list; h != NULL; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl.slist_free_all(list);
}

static void drop(struct fetch_handle *h)
{
	if (h->easy != NULL)
		curl.easy_cleanup(h->easy);
	forget_headers(h->headers);
	if (h->likeness != NULL)
		explicit_bzero(h->likeness, h->n);
	free(h->likeness);
	*h = (struct fetch_handle){ NULL, NULL, NULL, 0 };
}

/* ---- setting up --------------------------------------------------------------- */

static int add_header(struct fetch_handle *h, const char *line)
{
	struct curl_slist *list = curl.slist_append(h->headers, line);

	if (list == NULL)
		return ERR_NOMEM;
	h->headers = list;
	return 0;
}

/* Expect and a guessed Content-Type are libcurl's ideas, not the caller's. */
static int add_headers(struct fetch_handle *h, const struct fetch_request *r)
{
	bool typed = r->body == NULL;
	size_t i;
	int rc = add_header(h, "Expect:");

	for (i = 0; i < r->header_count && rc == 0; i++) {
		if (strncasecmp(r->headers[i], "content-type:", 13) == 0)
			typed = true;
		rc = add_header(h, r->headers[i]);
	}
	if (rc == 0 && !typed)
		rc = add_header(h, "Content-Type:");
	return rc;
}

static void set_method(struct fetch_handle *h, const struct fetch_request *r)
{
	const char *method = r->method != NULL ? r->method : "GET";

	if (strcmp(method, "HEAD") == 0) {
		curl.easy_setopt(h->easy, CURLOPT_NOBODY, 1L);
		return;
	}
	if (r->body != NULL)
		curl.easy_setopt(h->easy, CURLOPT_POST, 1L);
	curl.easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, method);
}

/* What a spare handle of the same likeness has already. */
static int set_up(struct fetch_handle *handle,
		  const struct fetch_request *r, const struct fetch_hooks *hooks)
{
	CURL *h = handle->easy;

	set_method(handle, r);
	curl.easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(h, CURLOPT_HTTPHEADER, handle->headers);
	curl.easy_setopt(h, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl.easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(h, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl.easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	curl.easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	curl.easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
	curl.easy_setopt(h, CURLOPT_ACCEPT_ENCODING, "");
	curl.easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
	curl.easy_setopt(h, CURLOPT_BUFFERSIZE, READ_BYTES);
	curl.easy_setopt(h, CURLOPT_PREREQFUNCTION, hooks->before);
	curl.easy_setopt(h, CURLOPT_HEADERFUNCTION, hooks->header);
	curl.easy_setopt(h, CURLOPT_WRITEFUNCTION, hooks->body);
	if (r->public_only) {
		curl.easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, hooks->open_public);
		curl.easy_setopt(h, CURLOPT_PROXY, "");
		/* one that stands was connected for somebody else */
		curl.easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L);
		curl.easy_setopt(h, CURLOPT_FORBID_REUSE, 1L);
	}
	if (r->ca_file != NULL &&
	    curl.easy_setopt(h, CURLOPT_CAINFO, r->ca_file) != CURLE_OK)
		return ERR_NOMEM;
	return curl.easy_setopt(h, CURLOPT_URL, r->url) == CURLE_OK ? 0
								    : ERR_NOMEM;
}

/* ---- likeness ------------------------------------------------------------------ */

static bool put_text(char *to, size_t *n, const char *s)
{
	size_t len = strlen(s) + 1;

	if (len > LIKENESS - *n)
		return false;
	memcpy(to + *n, s, len);
	*n += len;
	return true;
}

/* What a handle for this request is set up for; 0 when that is too long to keep. */
static size_t likeness_of(const struct fetch_request *r, char to[LIKENESS])
{
	size_t i, n = 0;
	bool ok = put_text(to, &n, r->method != NULL ? r->method : "GET") &&
		  put_text(to, &n, r->body != NULL ? "+" : "-") &&
		  put_text(to, &n, r->public_only ? "public" : "any") &&
		  put_text(to, &n, r->url) &&
		  put_text(to, &n, r->ca_file != NULL ? r->ca_file : "");

	for (i = 0; i < r->header_count && ok; i++)
		ok = put_text(to, &n, r->headers[i]);
	return ok ? n : 0;
}

/* The one that was used last. */
static bool take_spare(struct fetch_handles *all, struct fetch_handle *h,
		       const char *likeness, size_t n)
{
	int i;

	for (i = all->count - 1; i >= 0; i--)
		if (all->spare[i].n == n &&
		    memcmp(all->spare[i].likeness, likeness, n) == 0)
			break;
	if (i < 0)
		return false;
	*h = all->spare[i];
	all->spare[i] = all->spare[--all->count];
	return true;
}

static int make(struct fetch_handle *h, const struct fetch_request *r,
		const struct fetch_hooks *hooks, const char *likeness, size_t n)
{
	*h = (struct fetch_handle){ curl.easy_init(), NULL, NULL, n };
	if (h->easy == NULL || add_headers(h, r) != 0 ||
	    set_up(h, r, hooks) != 0) {
		drop(h);
		return ERR_NOMEM;
	}
	h->likeness = n > 0 ? malloc(n) : NULL;
	if (h->likeness != NULL)
		memcpy(h->likeness, likeness, n);
	return 0;
}

int fetch_handle_take(struct fetch_handles *all, const struct fetch_request *r,
		      const struct fetch_hooks *hooks, struct fetch_handle *h)
{
	char likeness[LIKENESS];
	size_t n = likeness_of(r, likeness);
	int rc = 0;

	if (n == 0 || !take_spare(all, h, likeness, n))
		rc = make(h, r, hooks, likeness, n);
	explicit_bzero(likeness, n);
	return rc;
}

void fetch_handle_give(struct fetch_handles *all, struct fetch_handle *h)
{
	if (h->likeness == NULL) {
		drop(h);
		return;
	}
	if (all->count == FETCH_SPARE) {	/* it may be for what is asked no more */
		drop(&all->spare[0]);
		all->spare[0] = all->spare[--all->count];
	}
	all->spare[all->count++] = *h;
	*h = (struct fetch_handle){ NULL, NULL, NULL, 0 };
}

void fetch_handles_drop(struct fetch_handles *all)
{
	while (all->count > 0)
		drop(&all->spare[--all->count]);
}
