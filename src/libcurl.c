#include "libcurl.h"

#include <dlfcn.h>
#include <string.h>

const struct libcurl *libcurl;

static int load_symbols(void *lib, struct libcurl *all, struct err *e)
{
#define LOAD(name) do { \
		void *p = dlsym(lib, "curl_" #name); \
		if (p == NULL) \
			return err_set(e, ERR_NOTFOUND, \
				       "libcurl lacks curl_" #name); \
		memcpy(&all->name, &p, sizeof(p)); \
	} while (0);
	LIBCURL_FUNCTIONS(LOAD)
#undef LOAD
	return 0;
}

int libcurl_load(struct err *e)
{
	static struct libcurl all;
	void *lib;
	int rc;

	if (libcurl != NULL)
		return 0;
	lib = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (lib == NULL)
		return err_set(e, ERR_NOTFOUND, "libcurl cannot be loaded (%s); "
			       "it is in the package libcurl4", dlerror());
	rc = load_symbols(lib, &all, e);
	if (rc != 0)
		return rc;
	if (all.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, ERR_NOMEM, "libcurl does not start");
	libcurl = &all;
	return 0;
}
