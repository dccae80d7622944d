/* line.h -- lines typed at a terminal, edited with libedit, while the loop turns.
 *
 * A line is read on the loop of the caller: timers, descriptors and wakes are
 * served between two keys, so an engine in this process goes on. The terminal is
 * raw only while line_read() reads, and is given back as it was found when that
 * returns, however it returns; a signal that ends the process is passed on after
 * that.
 *
 * Keys are libedit's (emacs, or as ~/.editrc says), and: TAB asks the host to
 * complete, Ctrl-R searches the history, Ctrl-C drops the line, Ctrl-D ends the
 * input where the line is empty, and what is pasted comes as it is, lines and tabs
 * too (bracketed paste), without being run.
 *
 * One line at a time and one struct line a process: the terminal is one. */
#ifndef KEEL_LINE_H
#define KEEL_LINE_H

#include <stddef.h>

#include "err.h"
#include "loop.h"

struct line;

/* What to do to the line when TAB was typed; the texts are the host's and must live
 * until its next call. */
struct line_completion {
	size_t erase;		/* characters before the cursor to take away  */
	const char *insert;	/* what to put there instead, or NULL         */
	const char *list;	/* what to show below the line, or NULL       */
};

struct line_hooks {
	/* text is the line in UTF-8, cursor a byte in it; `again` when TAB comes
	 * right after TAB. */
	void (*complete)(void *arg, const char *text, size_t cursor, bool again,
			 struct line_completion *out);
	void *arg;
};

/* name is that of the program in ~/.editrc. Reads from descriptor 0 and writes to
 * standard output, which must be terminals. */
int line_open(struct line **out, struct loop *loop, const char *name,
	      const struct line_hooks *hooks, struct err *e);
void line_close(struct line *l);		/* NULL is fine */

/* The newest entry of the history; may hold line ends. Copies. */
int line_remember(struct line *l, const char *text, struct err *e);

enum line_end { LINE_TEXT, LINE_EOF, LINE_INTERRUPT };

/* Read one line, without its end. *text is the struct's until the next call; it
 * holds line ends where they were pasted or recalled. Returns an enum line_end, or
 * a negative error. */
int line_read(struct line *l, const char *prompt, const char **text,
	      struct err *e);

#endif
