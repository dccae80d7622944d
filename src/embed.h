/* embed.h -- the Lua half, as bytes inside the binary. */
#ifndef KEEL_EMBED_H
#define KEEL_EMBED_H

#include <stddef.h>

struct embed_file {
	const char *name;		/* as it is required: "model.openai"  */
	const char *path;		/* for messages: "lua/model/openai.lua" */
	const unsigned char *start, *end;
};

extern const struct embed_file embed_files[];	/* ends with a NULL name */

#endif
