/* lib.c -- calls of the library functions that a run charges or replaces, with
 * arguments of every kind, in a run and in stock Lua: the same values, the same
 * errors. */
#include "gen.h"
#include "pair.h"

static void argument(struct gen *g, char kind, int depth);

/* ---- texts --------------------------------------------------------------- */

static const char *const strings[] = {
	"\"\"", "\"hello world\"", "\"THE (quick) fox\"", "(\"ab\"):rep(50)",
	"\"a,b,,c\"", "\"\\0a\\0b\"", "\"10\"", "\"0x1p4\"", "\" 12 \"",
	"\"1e5\"", "\"\\u{e4}\\u{20ac}\\u{1f600}z\"", "\"\\xff\\xfe\\x80\"",
	"\"f(a(b)c)d\"", "\"key = value; k2=v2\"", "\"%d %s %%\"", "(\"x\"):rep(300)",
	"\"aaaaaaaaab\"", "\"\\\\n\\r\\n\\t\\127\"", "\"  trim me  \"", "\"[[]]\"",
	"(\"abc\\n\"):rep(70)", "\"-9223372036854775808\"", "\"0x\"", "\"inf\"",
};

static const char *const pattern_parts[] = {
	".", "%a", "%d", "%s", "%w", "%x", "%p", "%l", "%u", "%c", "%g", "%A", "%S",
	"[a-c]", "[^%s]", "[%w_]", "[]]", "[^]]", "[a-]", "[-a]", "%b()", "%bxx",
	"%f[%w]", "%f[^%z]", "(", ")", "()", "*", "+", "-", "?", "^", "$", "%1",
	"%2", "a", "b", "x", " ", ",", "=", "%%", "%.", "[", "]", "%", "\\0", "o",
	".-", ".*", "(.-)", "(%a+)", "%f", "%b", "[%a-z]", "[^", "[a", "\\255", "%z",
	"(()", "[%", "a?", "l+", "b-",
};

static const char *const format_parts[] = {
	"%d", "%5.2f", "%-10s|", "%q", "%x", "%X", "%o", "%e", "%g", "%a", "%c",
	"%i", "%u", "%%", "%s", "%+d", "%#x", "%05d", "%.3s", "%10.4s", "% d",
	"%.0f", "%.20s", "%99d", "%100d", "%.99f", "%", "%y", "text", "\\0", "%-5c",
	"%#o", "%.14g", "%A", "%5", "%.", "%0s", "%10q", "%.100f", "%s%s", "%-+ #0d",
	"%20s", "%.3d", "%G", "%E", "%F", "%123d", "%5.123f",
};

static const char *const pack_parts[] = {
	"b", "B", "h", "H", "i4", "I3", "l", "L", "j", "J", "T", "f", "d", "n", "s",
	"s1", "s2", "z", "x", "Xi4", "<", ">", "=", "!", "!4", "i16", "i17", "c5",
	"c", " ", "i", "I1", "s16", "X", "c0", "!16", "!3", "i0", "Xs", "Xc1", "I16",
	"s4", "c300", "!2", "i7", "I8", "Xd", "c2147483647", "q", "i99999999999",
};

static const char *const replacement_parts[] = {
	"%0", "%1", "%2", "%%", "<", ">", "x", "%", "%a", "\\0", " ", "%9",
};

static void text_of(struct gen *g, const char *const *parts, unsigned n)
{
	unsigned i = 1 + some(g, 7);

	put(g, "\"");
	while (i-- > 0)
		put(g, parts[pick(g, n)]);
	put(g, "\"");
}

#define TEXT_OF(g, parts) text_of(g, parts, COUNT(parts))

static void string(struct gen *g)
{
	unsigned i;

	switch (pick(g, 4)) {
	case 0:
	case 1:
		PUT_ONE(g, strings);
		return;
	case 2:
		putf(g, "V[%u]", pick(g, 8));
		return;
	default:
		put(g, "\"");
		for (i = some(g, 20); i-- > 0;)
			put_byte(g, take(g));
		put(g, "\"");
	}
}

/* ---- numbers ------------------------------------------------------------------ */

static const char *const odd_numbers[] = {
	"math.maxinteger", "math.mininteger", "2^31", "2^53", "-2^63", "2^63",
	"1/0", "-1/0", "-(0/0)", "0.0", "-0.0", "1.5", "-2.5", "3.0", "\"3\"", "\"0x10\"",
	"1e15", "1e16", "1e100", "5e-324", "0x7fffffff", "-0x80000000",
	"math.maxinteger - 1", "math.mininteger + 1", "\" 7 \"", "255", "256", "1000",
	"-1000", "65536", "0x10FFFF", "0x110000", "0x7FFFFFFF + 1", "math.pi", "\"1e1\"",
	"1e308 * 10", "0.1", "123456.789", "100", "300", "1 << 62", "~0", "4.0",
};

static void number(struct gen *g)
{
	if (pick(g, 3) != 2)
		putf(g, "%d", (int)pick(g, 41) - 12);
	else
		PUT_ONE(g, odd_numbers);
}

/* ---- tables and functions -------------------------------------------------------- */

static const char *const metas[] = {
	"__index = function(t, k) return k end", "__index = { 7, 8, 9, x = 1 }",
	"__newindex = function(t, k, v) rawset(t, k, v) end", "__newindex = V",
	"__len = function() return 3 end", "__len = function() return \"2\" end",
	"__len = function() return 1.5 end", "__len = function() error \"len\" end",
	"__lt = function(a, b) return rawlen(a) < rawlen(b) end",
	"__le = function(a, b) return true end", "__eq = function() return true end",
	"__concat = function(a, b) return \"cat\" end", "__concat = error",
	"__call = function(self, ...) return select(\"#\", ...), ... end",
	"__unm = function() return 1 end", "__name = \"My.Type\"", "__name = 5",
	"__tostring = function() return \"me\" end", "__tostring = function() return 1 end",
	"__tostring = error", "__metatable = \"locked\"", "__metatable = false",
	"__add = function(a, b) return 11 end", "__idiv = function(...) return ... end",
	"__pairs = function(t) return next, { 1, 2 }, nil end", "__close = error",
	"__index = function(t, k) error(\"index \" .. tostring(k)) end", "__mod = math.max",
	"__shl = function(a, b) return 1 end", "__bnot = function() return \"bnot\" end",
	"__newindex = function() end", "__lt = function() return nil end",
	"__index = string", "__len = function() return -1 end",
	"__len = function() return 100 end", "__len = function() return math.maxinteger end",
	"__eq = function(a, b) error({ \"eq\" }) end", "__band = function() return 3 end",
};

static const char *const callbacks[] = {
	"function(x) return x end", "function() end", "function() return false end",
	"function(...) return ... end", "function(x) return #x end",
	"function(x) return (x:upper()) end", "function(x) return { x } end",
	"function() error \"cb\" end", "function(a, b) error({ a, b }) end", "string.upper",
	"math.floor", "error", "function(a, b) return b end", "tostring", "rawlen",
	"function(x) R(x) return nil end", "select", "function(a) return a .. a end",
	"string.len", "coroutine.wrap(function(a) while true do a = coroutine.yield(a) end end)",
	"function(x) return x + 1 end", "print", "string.rep", "next",
};

static void table(struct gen *g, int depth)
{
	static const char *const small[] = {
		"{}", "{ 1, 2, 3 }", "{ \"b\", \"a\", \"c\" }", "{ 1, nil, 3 }",
		"{ n = 2, \"x\" }", "{ [0] = 0, [1] = 1, [2] = 2, [4] = 4 }",
		"{ 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 }", "{ a = 1, b = 2, hello = \"w\", k2 = false }",
		"{ [1.5] = 1, [true] = 2, [math.maxinteger] = 3, [-1] = 4 }", "V",
		"{ 1, 2.5, \"3\", 4 }", "{ \"x\", \"y\", nil, nil, \"z\" }", "{ { 1 }, { 2 } }",
		"{ [math.maxinteger - 1] = 1, [math.maxinteger] = 2 }", "{ (\"a b c\"):byte(1, -1) }",
	};
	unsigned i;

	if (depth > 2 || pick(g, 3) == 0) {
		PUT_ONE(g, small);
		return;
	}
	if (pick(g, 3) == 0)
		put(g, "setmetatable(");
	else
		depth |= 64;
	put(g, "{ ");
	for (i = some(g, 12); i-- > 0;) {
		if (pick(g, 6) == 0) {
			put(g, "[");
			argument(g, "nsis"[pick(g, 4)], (depth & 63) + 1);
			put(g, "] = ");
		}
		argument(g, "nsibnsnt"[pick(g, 8)], (depth & 63) + 1);
		put(g, ", ");
	}
	put(g, "}");
	if (depth & 64)
		return;
	put(g, ", { ");
	for (i = 1 + some(g, 3); i-- > 0;) {
		PUT_ONE(g, metas);
		put(g, ", ");
	}
	put(g, "})");
}

/* ---- arguments, by the letters of a signature -------------------------------------- */

static void argument(struct gen *g, char kind, int depth)
{
	static const char kinds[] = "sinbtcpfkr";
	static const char *const plain[] = { "nil", "true", "false", "1" };

	if (pick(g, 14) == 13)
		kind = kinds[pick(g, sizeof(kinds) - 1)];
	switch (kind) {
	case 's': string(g); return;
	case 'i':
	case 'n': number(g); return;
	case 'b': PUT_ONE(g, plain); return;
	case 't': table(g, depth); return;
	case 'c': PUT_ONE(g, callbacks); return;
	case 'p': TEXT_OF(g, pattern_parts); return;
	case 'f': TEXT_OF(g, format_parts); return;
	case 'k': TEXT_OF(g, pack_parts); return;
	case 'r':
		if (pick(g, 3) == 0)
			TEXT_OF(g, replacement_parts);
		else
			argument(g, "cst"[pick(g, 3)], depth + 1);
		return;
	default:	/* anything */
		argument(g, kinds[pick(g, sizeof(kinds) - 1)], depth + 1);
	}
}

/* A small letter is an argument; behind a '-' all that follow may be missing; '*'
 * repeats the one before. */
static const struct function {
	const char *name, *takes;
} functions[] = {
	{ "string.find", "sp-ib" }, { "string.match", "sp-i" },
	{ "string.gsub", "spr-i" }, { "string.rep", "si-s" },
	{ "string.format", "f-?*" }, { "string.sub", "si-i" },
	{ "string.byte", "s-ii" }, { "string.char", "-i*" },
	{ "string.reverse", "s" }, { "string.lower", "s" }, { "string.upper", "s" },
	{ "string.len", "s" }, { "string.pack", "k-?*" }, { "string.unpack", "ks-i" },
	{ "string.packsize", "k" }, { "string.gmatch", "sp-i" },
	{ "table.concat", "t-sii" }, { "table.insert", "t?" }, { "table.insert", "ti?" },
	{ "table.remove", "t-i" }, { "table.move", "tiii-t" },
	{ "table.unpack", "t-ii" }, { "table.pack", "-?*" },
	{ "utf8.char", "-i*" }, { "utf8.codepoint", "s-iib" },
	{ "utf8.len", "s-iib" }, { "utf8.offset", "si-i" }, { "utf8.codes", "s-b" },
	{ "tostring", "?" }, { "tonumber", "?" }, { "tonumber", "si" },
	{ "select", "i-?*" }, { "next", "t-?" }, { "rawequal", "??" },
	{ "rawlen", "t" }, { "rawget", "t?" }, { "type", "?" }, { "ipairs", "t" },
	{ "pairs", "t" }, { "getmetatable", "?" }, { "setmetatable", "tt" },
	{ "error", "?-i" }, { "assert", "?-?" }, { "rawset", "t??" },
	{ "math.floor", "n" }, { "math.ceil", "n" }, { "math.abs", "n" },
	{ "math.fmod", "nn" }, { "math.max", "n-n*" }, { "math.min", "n-n*" },
	{ "math.modf", "n" }, { "math.sqrt", "n" }, { "math.tointeger", "?" },
	{ "math.type", "?" }, { "math.ult", "ii" }, { "math.random", "-ii" },
	{ "math.exp", "n" }, { "math.log", "n-n" }, { "math.sin", "n" },
	{ "math.randomseed", "ii" }, { "xpcall", "cc-?*" }, { "pcall", "c-?*" },
};

static void arguments(struct gen *g, const char *takes)
{
	const char *before = "";
	bool may_end = false;
	unsigned more;

	for (; *takes != 0; takes++) {
		if (*takes == '-') {
			may_end = true;
			continue;
		}
		if ((may_end || pick(g, 20) == 19) && pick(g, 4) == 3)
			return;
		more = takes[1] == '*' ? 1 + some(g, 6) : 1;
		while (more-- > 0) {
			put(g, before);
			argument(g, *takes, 0);
			before = ", ";
		}
		if (takes[1] == '*')
			takes++;
	}
}

#define PUT_FRESH(g) put(g, "V = { \"abc\", 1, 2.5, \"x\", {}, \"a b c\", \"\" }\n")

/* ---- statements -------------------------------------------------------------------- */

static void call(struct gen *g)
{
	const struct function *f = &functions[pick(g, COUNT(functions))];

	putf(g, "KEEP(%u, R(pcall(%s%s", pick(g, 8), f->name,
	     f->takes[0] == '-' ? "" : ", ");
	if (f->takes[0] == '-' && f->takes[1] != 0)
		put(g, ", ");
	if (f->takes[0] == '-')
		argument(g, f->takes[1], 0);
	arguments(g, f->takes[0] == '-' ? "" : f->takes);
	put(g, ")))\n");
}

static void operation(struct gen *g)
{
	static const char *const operators[] = {
		"+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", "..",
		"==", "~=", "<", "<=", ">", ">=", "and", "or",
	};
	static const char *const unary[] = { "-", "~", "#", "not " };
	unsigned keep = pick(g, 8);

	putf(g, "KEEP(%u, R(pcall(function() local a, b = ", keep);
	argument(g, "nsn?"[pick(g, 4)], 0);
	put(g, ", ");
	argument(g, "nsn?"[pick(g, 4)], 0);
	if (pick(g, 4) == 3) {
		put(g, "; return ");
		PUT_ONE(g, unary);
		put(g, "a end)))\n");
		return;
	}
	put(g, "; return a ");
	PUT_ONE(g, operators);
	put(g, " b end)))\n");
}

/* Iterators are driven to their end, within reason. */
static void iterate(struct gen *g)
{
	static const struct function iterators[] = {
		{ "string.gmatch", "sp-i" }, { "utf8.codes", "s-b" },
		{ "pairs", "t" }, { "ipairs", "t" },
	};
	const struct function *f = &iterators[pick(g, COUNT(iterators))];

	put(g, "R(pcall(function() local n = 0; for a, b, c in ");
	put(g, f->name);
	put(g, "(");
	arguments(g, f->takes);
	put(g, ") do R(a, b, c); n = n + 1; if n > 50 then break end end end))\n");
}

static void sort(struct gen *g)
{
	static const char *const honest[] = {
		"", ", function(a, b) return a < b end", ", function(a, b) return b < a end",
	};
	static const char *const liars[] = {
		"", ", function() return true end", ", function(a, b) return a ~= b end",
		", function() return math.random(2) == 1 end", ", function(a, b) return b end",
		", function(a, b) return tostring(a) < tostring(b) end", ", error",
		", function(a, b) if a == b then error \"same\" end return a < b end",
	};
	bool texts = pick(g, 2);
	unsigned n, choice = pick(g, 4);

	put(g, choice < 3 ? "SORT({" : "SHUFFLE({");
	for (n = pick(g, 120); n-- > 0;) {
		if (choice == 3)
			argument(g, "nsn"[pick(g, 3)], 1);
		else if (choice == 2)
			putf(g, "(\"%c\"):rep(%u)", 'a' + (int)pick(g, 26),
			     pick(g, 9));
		else
			putf(g, texts ? "\"%d\"" : "%d", (int)take(g) - 100);
		put(g, ", ");
	}
	put(g, "}");
	if (choice == 2)
		put(g, ", function(a, b) return #a < #b end, string.len");
	else if (choice == 3)
		PUT_ONE(g, liars);
	else
		PUT_ONE(g, honest);
	put(g, ")\nmath.randomseed(7)\n");	/* a liar may have drawn */
}

/* A list behind metamethods, or no list at all. */
static void sort_odd(struct gen *g)
{
	put(g, "do local list = ");
	argument(g, 't', 0);
	/* which elements meet first, and so which error, is not the same */
	put(g, "; pcall(table.sort, list, ");
	PUT_ONE(g, ((const char *const[]){ "nil", "5", "error" }));
	put(g, ") end\n");
	PUT_FRESH(g);		/* nor is how far it came */
}

static void statement(struct gen *g)
{
	switch (pick(g, 8)) {
	case 0:
	case 1:
	case 2:
	case 3:
		call(g);
		return;
	case 4:
		operation(g);
		return;
	case 5:
		iterate(g);
		return;
	case 6:
		sort(g);
		return;
	default:
		sort_odd(g);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct gen g;
	unsigned turn, most = 12;

	g.p = p;
	g.end = p + n;
	g.n = 0;
	turn = take(&g);
	put(&g, "local ");
	PUT_FRESH(&g);
	put(&g, "local function KEEP(i, ok, v) if ok then V[i] = v end end\n");
	do
		statement(&g);
	while (g.p < g.end && --most > 0 && g.n < GEN_BYTES - 8192);
	pair_check(g.text, g.n, turn, true);
	return 0;
}
