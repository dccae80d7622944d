#include "line.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TYPED_BYTES 4096
#define PASTE_BEGIN "\033[?2004h"
#define PASTE_END "\033[?2004l"

/* Signals that end what reads, or wake it. */
static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
#define ENDS (sizeof(ends) / sizeof(ends[0]))

struct line {
	EditLine *el;
	History *history;
	struct loop *loop;
	struct line_hooks hooks;
	const char *prompt;
	struct loop_fd input;
	struct loop_signal on_end[ENDS], on_back;
	int ended_by;		/* a signal, or 0 */
	bool readable, back, after_tab;
	unsigned short rows, columns;
	unsigned char typed[TYPED_BYTES];
	size_t at, n;		/* of typed: what is not taken yet */
	char *kept;		/* the last line's text */
	locale_t letters, before;
};

static struct line *self_of(EditLine *el)
{
	void *l = NULL;

	el_get(el, EL_CLIENTDATA, &l);
	return l;
}

/* ---- waiting for keys ------------------------------------------------------- */

static void on_input(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	((struct line *)arg)->readable = true;
}

static void on_end(void *arg, int signum)
{
	((struct line *)arg)->ended_by = signum;
}

static void on_back(void *arg, int signum)
{
	(void)signum;
	((struct line *)arg)->back = true;
}

/* Whether the window has another size than when it was asked last. */
static bool resized(struct line *l)
{
	struct winsize w = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 ||
	    (w.ws_row == l->rows && w.ws_col == l->columns))
		return false;
	l->rows = w.ws_row;
	l->columns = w.ws_col;
	return true;
}

/* The window may have another size, or the process was in the background and the
 * terminal somebody else's. */
static void look_at_terminal(struct line *l)
{
	bool again = resized(l);

	if (again) {
		fputs("\r\033[J", stdout);
		el_resize(l->el);
	}
	if (l->back) {
		l->back = false;
		el_set(l->el, EL_PREP_TERM, 1);
		fputs(PASTE_BEGIN "\r", stdout);
		again = true;
	}
	if (again)
		el_set(l->el, EL_REFRESH);
}

/* More bytes from the terminal: 1, 0 at its end, -1 for a signal or a failure. */
static int more_typed(struct line *l)
{
	ssize_t n;

	while (!l->readable) {
		if (l->ended_by != 0)
			return -1;
		loop_turn(l->loop, true);
		look_at_terminal(l);
	}
	l->readable = false;
	do {
		n = read(STDIN_FILENO, l->typed, sizeof(l->typed));
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? 0 : errno == EAGAIN ? more_typed(l) : -1;
	l->at = 0;
	l->n = (size_t)n;
	return 1;
}

static int next_byte(struct line *l, unsigned char *c)
{
	int rc = l->at < l->n ? 1 : more_typed(l);

	if (rc == 1)
		*c = l->typed[l->at++];
	return rc;
}

/* How many bytes follow the first one of a character. */
static int following(unsigned char c)
{
	return c >= 0xf0 && c < 0xf8 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : 0;
}

/* libedit asks for a character. What is no UTF-8 is a question mark. */
static int get_character(EditLine *el, wchar_t *out)
{
	struct line *l = self_of(el);
	unsigned char c;
	int rc = next_byte(l, &c), more;
	wchar_t code;

	if (rc != 1)
		return rc;
	more = c < 0x80 ? 0 : following(c);
	code = c < 0x80 ? c : more == 0 ? L'?' : c & (0x3f >> more);
	for (; more > 0; more--) {
		rc = next_byte(l, &c);
		if (rc != 1)
			return rc;
		if ((c & 0xc0) != 0x80) {
			l->at--;
			code = L'?';
			break;
		}
		code = (wchar_t)((unsigned)code << 6 | (c & 0x3f));
	}
	*out = code;
	return 1;
}

/* ---- keys of ours ----------------------------------------------------------- */

static char *prompt_of(EditLine *el)
{
	return (char *)self_of(el)->prompt;
}

static void show_list(const char *list)
{
	fputs("\r\n", stdout);
	for (; *list != '\0'; list++) {
		if (*list == '\n')
			putchar('\r');
		putchar(*list);
	}
}

static unsigned char on_tab(EditLine *el, int ch)
{
	struct line *l = self_of(el);
	const LineInfo *info = el_line(el);
	size_t cursor = (size_t)(info->cursor - info->buffer);
	size_t len = (size_t)(info->lastchar - info->buffer);
	struct line_completion c = { 0 };
	bool again = l->after_tab;
	char *text;

	(void)ch;
	text = strndup(info->buffer, len);
	if (text == NULL)
		return CC_ERROR;
	l->hooks.complete(l->hooks.arg, text, cursor, again, &c);
	free(text);
	l->after_tab = true;
	if (c.erase > 0)
		el_deletestr(el, (int)c.erase);
	if (c.insert != NULL && el_insertstr(el, c.insert) != 0)
		return CC_ERROR;
	if (c.list != NULL) {
		show_list(c.list);
		return CC_REDISPLAY;
	}
	return c.insert != NULL || c.erase > 0 ? CC_REFRESH : CC_REFRESH_BEEP;
}

/* Whether text ends in the mark that ends a paste; the mark is taken away. */
static bool paste_ended(wchar_t *text, size_t *n)
{
	static const wchar_t mark[] = L"\033[201~";
	size_t m = sizeof(mark) / sizeof(mark[0]) - 1;

	if (*n < m || wmemcmp(text + *n - m, mark, m) != 0)
		return false;
	*n -= m;
	return true;
}

static unsigned char on_paste(EditLine *el, int ch)
{
	size_t n = 0, cap = 256;
	wchar_t c, *text = malloc(cap * sizeof(*text));
	bool whole = false;

	(void)ch;
	while (text != NULL && !whole && el_wgetc(el, &c) == 1) {
		if (n + 2 > cap) {
			wchar_t *bigger = realloc(text, 2 * cap * sizeof(*text));

			if (bigger == NULL)
				break;
			text = bigger;
			cap *= 2;
		}
		text[n++] = c == L'\r' ? L'\n' : c;
		whole = paste_ended(text, &n);
	}
	if (text == NULL)
		return CC_ERROR;
	while (n > 0 && text[n - 1] == L'\n')
		n--;
	text[n] = L'\0';
	if (n > 0)
		el_winsertstr(el, text);
	free(text);
	return CC_REFRESH;
}

/* ---- opening ------------------------------------------------------------------ */

static void bind_keys(struct line *l)
{
	EditLine *el = l->el;

	el_set(el, EL_EDITOR, "emacs");
	/* wide, for of narrow names it keeps copies that it never frees */
	el_wset(el, EL_ADDFN, L"keel-complete", L"complete the word", on_tab);
	el_wset(el, EL_ADDFN, L"keel-paste", L"take what is pasted", on_paste);
	el_set(el, EL_BIND, "^I", "keel-complete", NULL);
	el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_set(el, EL_BIND, "^W", "ed-delete-prev-word", NULL);
	el_set(el, EL_BIND, "\033[200~", "keel-paste", NULL);
	el_set(el, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
	el_set(el, EL_BIND, "\033[1~", "ed-move-to-beg", NULL);
	el_set(el, EL_BIND, "\033[4~", "ed-move-to-end", NULL);
	el_set(el, EL_BIND, "\033[1;5C", "em-next-word", NULL);
	el_set(el, EL_BIND, "\033[1;5D", "ed-prev-word", NULL);
	el_source(el, NULL);
}

int line_open(struct line **out, struct loop *loop, const char *name,
	      const struct line_hooks *hooks, struct err *e)
{
	struct line *l = calloc(1, sizeof(*l));
	locale_t before;
	HistEvent ev;

	if (l == NULL)
		return err_set(e, ERR_NOMEM, "no memory to read lines");
	l->loop = loop;
	l->hooks = *hooks;
	/* of letters only, of this thread, and only while libedit is at work: all
	 * else is as in C */
	l->letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	before = l->letters != (locale_t)0 ? uselocale(l->letters) : (locale_t)0;
	l->el = el_init(name, stdin, stdout, stderr);
	l->history = history_init();
	if (l->el == NULL || l->history == NULL) {
		if (before != (locale_t)0)
			uselocale(before);
		line_close(l);
		return err_set(e, ERR_STATE, "this terminal cannot be used");
	}
	history(l->history, &ev, H_SETSIZE, 5000);
	history(l->history, &ev, H_SETUNIQUE, 1);
	el_set(l->el, EL_CLIENTDATA, l);
	el_set(l->el, EL_SIGNAL, 0);
	el_set(l->el, EL_PROMPT, prompt_of);
	el_set(l->el, EL_HIST, history, l->history);
	el_wset(l->el, EL_GETCFN, get_character);
	bind_keys(l);	/* which letters insert themselves depends on it, too */
	if (before != (locale_t)0)
		uselocale(before);
	*out = l;
	return 0;
}

void line_close(struct line *l)
{
	if (l == NULL)
		return;
	if (l->history != NULL)
		history_end(l->history);
	if (l->el != NULL)
		el_end(l->el);
	if (l->letters != (locale_t)0)
		freelocale(l->letters);
	free(l->kept);
	free(l);
}

int line_remember(struct line *l, const char *text, struct err *e)
{
	HistEvent ev;

	if (history(l->history, &ev, H_ENTER, text) < 0)
		return err_set(e, ERR_NOMEM, "no memory for the history");
	return 0;
}

/* ---- reading ------------------------------------------------------------------- */

static void begin(struct line *l)
{
	size_t i;

	if (l->letters != (locale_t)0)
		l->before = uselocale(l->letters);
	loop_fd_start(l->loop, &l->input, STDIN_FILENO, LOOP_READ, on_input, l);
	for (i = 0; i < ENDS; i++)
		loop_signal_start(l->loop, &l->on_end[i], ends[i], on_end, l);
	loop_signal_start(l->loop, &l->on_back, SIGCONT, on_back, l);
	l->ended_by = 0;
	l->readable = l->back = l->after_tab = false;
	if (resized(l))
		el_resize(l->el);
	/* libedit does it at the first key, which the terminal would echo by then */
	el_set(l->el, EL_PREP_TERM, 1);
	/* what was typed meanwhile the terminal has shown: it comes again */
	fputs("\r\033[J" PASTE_BEGIN, stdout);
	fflush(stdout);
}

static void end(struct line *l)
{
	size_t i;

	loop_fd_stop(l->loop, &l->input);
	for (i = 0; i < ENDS; i++)
		loop_signal_stop(l->loop, &l->on_end[i]);
	loop_signal_stop(l->loop, &l->on_back);
	fputs(PASTE_END, stdout);
	fflush(stdout);
	if (l->letters != (locale_t)0)
		uselocale(l->before);
}

int line_read(struct line *l, const char *prompt, const char **text,
	      struct err *e)
{
	const char *got;
	int n = 0;

	free(l->kept);
	l->kept = NULL;
	l->prompt = prompt;
	begin(l);
	got = el_gets(l->el, &n);
	if (got != NULL && n > 0) {
		n -= got[n - 1] == '\n';
		l->kept = strndup(got, (size_t)n);
	} else {
		el_reset(l->el);
	}
	end(l);
	if (l->ended_by != 0 && l->ended_by != SIGINT)
		raise(l->ended_by);
	if (l->ended_by == SIGINT) {
		fputs("^C\n", stdout);
		return LINE_INTERRUPT;
	}
	if (got == NULL || n < 0 || (l->kept == NULL && n == 0 && got[0] == '\0'))
		return LINE_EOF;
	if (l->kept == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a line");
	*text = l->kept;
	return LINE_TEXT;
}
