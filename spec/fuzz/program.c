/* program.c -- whole programs: control flow, closures, coroutines, closing variables,
 * metamethods, errors. Most bytes choose among the productions of a grammar whose
 * names have a type (a b: numbers, s u: texts, t o: tables, f g: functions); bytes
 * that begin with 255 are a source as they stand, for ours alone. */
#include "gen.h"
#include "pair.h"

#define DEEPEST 5

static int depth;		/* of statements */
static int in_coroutine, in_loop, labels;

static void block(struct gen *g, unsigned most);
static void expression(struct gen *g, char kind, int deep);

/* ---- expressions --------------------------------------------------------------- */

static void literal(struct gen *g, char kind)
{
	static const char *const numbers[] = {
		"0", "1", "2", "-1", "3", "7", "10", "0.5", "1e300", "2^53", "100",
		"math.maxinteger", "math.mininteger", "1/0", "-(0/0)", "-0.0", "255", "3.0",
	};
	static const char *const texts[] = {
		"\"\"", "\"x\"", "\"abc\"", "\"10\"", "\"hello world\"", "[[long\nline]]",
		"(\"ab\"):rep(30)", "\"\\u{20ac}\"", "\"0x1p2\"", "\"k\"",
	};
	static const char *const tables[] = {
		"{}", "{ 1, 2, 3 }", "{ k = 1, x = 2 }", "{ 1, nil, 3, k = {} }", "{ t, o }",
		"{ a, b; s }", "{ [a] = b, [s] = u }", "{ f, g }", "{ [1] = 1, [2] = 2, [3] = 3 }",
	};
	static const char *const conditions[] = {
		"true", "false", "nil", "a < b", "s == u", "not t", "a == b", "t ~= o",
	};

	switch (kind) {
	case 'n': PUT_ONE(g, numbers); return;
	case 's': PUT_ONE(g, texts); return;
	case 't': PUT_ONE(g, tables); return;
	default: PUT_ONE(g, conditions);
	}
}

static void name(struct gen *g, char kind)
{
	static const char *const names[] = { "a", "b", "s", "u", "t", "o", "f", "g" };
	unsigned of = kind == 'n' ? 0 : kind == 's' ? 2 : kind == 't' ? 4 : 6;

	put(g, names[of + pick(g, 2)]);
}

static void binary(struct gen *g, const char *left, const char *const *operators,
		   unsigned n, const char *right, int deep)
{
	put(g, "(");
	expression(g, left[pick(g, (unsigned)strlen(left))], deep + 1);
	put(g, operators[pick(g, n)]);
	expression(g, right[pick(g, (unsigned)strlen(right))], deep + 1);
	put(g, ")");
}

static void call(struct gen *g, const char *format, const char *kinds, int deep)
{
	for (; *format != 0; format++) {
		if (*format == '@')
			expression(g, *kinds++, deep + 1);
		else
			putf(g, "%c", *format);
	}
}

static void number(struct gen *g, int deep)
{
	static const char *const arithmetic[] = {
		" + ", " - ", " * ", " / ", " // ", " % ", " ^ ",
	};
	static const char *const bits[] = { " & ", " | ", " ~ ", " << ", " >> " };

	switch (pick(g, 12)) {
	case 0: case 1: literal(g, 'n'); return;
	case 2: case 3: name(g, 'n'); return;
	case 4: binary(g, "nnns", arithmetic, COUNT(arithmetic), "nnns", deep); return;
	case 5: binary(g, "n", bits, COUNT(bits), "n", deep); return;
	case 6: call(g, "#@", "t", deep); return;
	case 7: call(g, "(-@)", "n", deep); return;
	case 8: call(g, "select('#', @, table.unpack(@))", "nt", deep); return;
	case 9: call(g, "(tonumber(@) or 5)", "s", deep); return;
	case 10: call(g, "math.max(@, @)", "nn", deep); return;
	default: call(g, "(@)(@)", "fn", deep);
	}
}

static void text(struct gen *g, int deep)
{
	static const char *const cat[] = { " .. " };

	switch (pick(g, 11)) {
	case 0: case 1: literal(g, 's'); return;
	case 2: case 3: name(g, 's'); return;
	case 4: case 5: binary(g, "ssn", cat, 1, "ssnt", deep); return;
	case 6: call(g, "tostring(@)", "?", deep); return;
	case 7: call(g, "(@):sub(@, @)", "snn", deep); return;
	case 8: call(g, "((@):gsub('%w', @))", "sf", deep); return;
	case 9: call(g, "table.concat(@, @)", "ts", deep); return;
	default: call(g, "string.format('%s %q', @, @)", "?s", deep);
	}
}

/* A metatable of a few events, whose functions are blocks of statements. */
static void object(struct gen *g, int deep)
{
	static const char *const events[] = {
		"__index", "__newindex", "__call", "__add", "__concat", "__eq", "__lt",
		"__le", "__len", "__close", "__unm", "__tostring", "__idiv", "__pairs",
		"__band", "__name", "__metatable", "__mode", "__sub",
	};
	unsigned n = 1 + some(g, 3);

	put(g, "setmetatable(");
	expression(g, 't', deep + 1);
	put(g, ", {\n");
	while (n-- > 0) {
		PUT_ONE(g, events);
		switch (pick(g, 4)) {
		case 0: put(g, " = t,\n"); continue;
		case 1: put(g, " = f,\n"); continue;
		case 2: put(g, " = function(...) return ... end,\n"); continue;
		}
		put(g, " = function(x, y, ...)\n");
		block(g, 3);
		put(g, "return ");
		expression(g, "nsbt"[pick(g, 4)], deep + 1);
		put(g, " end,\n");
	}
	put(g, "})");
}

static void table(struct gen *g, int deep)
{
	switch (pick(g, 8)) {
	case 0: case 1: literal(g, 't'); return;
	case 2: case 3: name(g, 't'); return;
	case 4: object(g, deep); return;
	case 5: call(g, "{ @, @, k = @ }", "???", deep); return;
	case 6: call(g, "table.pack((@)(@))", "f?", deep); return;
	default: call(g, "{ @, ... }", "?", deep);
	}
}

static void function(struct gen *g, int deep)
{
	static const char *const known[] = {
		"math.floor", "string.upper", "tostring", "type", "error", "pcall",
		"select", "next", "ipairs", "rawlen", "table.unpack", "coroutine.yield",
		"coroutine.isyieldable", "setmetatable", "string.rep", "assert",
	};
	int loop = in_loop;

	switch (pick(g, 5)) {
	case 0: case 1: name(g, 'f'); return;
	case 2: PUT_ONE(g, known); return;
	}
	put(g, "function(x, ...)\n");
	in_loop = 0;
	block(g, 3);
	put(g, "return ");
	expression(g, '?', deep + 1);
	put(g, ", ...\nend");
	in_loop = loop;
}

static void condition(struct gen *g, int deep)
{
	static const char *const order[] = { " < ", " <= ", " > ", " >= ", " == ", " ~= " };
	static const char *const logic[] = { " and ", " or " };

	switch (pick(g, 6)) {
	case 0: literal(g, 'b'); return;
	case 1: binary(g, "n", order, COUNT(order), "n", deep); return;
	case 2: binary(g, "s", order, COUNT(order), "s", deep); return;
	case 3: binary(g, "t", order, COUNT(order), "t", deep); return;
	case 4: binary(g, "bnst", logic, COUNT(logic), "bnst", deep); return;
	default: call(g, "not @", "?", deep);
	}
}

static void expression(struct gen *g, char kind, int deep)
{
	if (kind == '?' || pick(g, 24) == 23)
		kind = "nstfb"[pick(g, 5)];
	if (deep > 3 || g->n > GEN_BYTES - 4096) {
		if (kind == 'b')
			literal(g, 'b');
		else
			name(g, kind);
		return;
	}
	switch (kind) {
	case 'n': number(g, deep); return;
	case 's': text(g, deep); return;
	case 't': table(g, deep); return;
	case 'f':
		put(g, "(");
		function(g, deep);
		put(g, ")");
		return;
	default: condition(g, deep);
	}
}

/* ---- statements ---------------------------------------------------------------- */

static void assign(struct gen *g)
{
	char kind = "nnsstf"[pick(g, 6)];

	switch (pick(g, 7)) {
	case 0: case 1: case 2:
		if (pick(g, 3) == 0)
			put(g, "local ");
		name(g, kind);
		put(g, " = ");
		expression(g, kind, 0);
		return;
	case 3:	/* (stock Lua compiles a comparison there wrongly) */
		call(g, "do local k = @ t[k], a = @, a end", "??", 0);
		return;
	case 4: call(g, "o.k = @", "?", 0); return;
	case 5: call(g, "a, b, s = @, @, @", "nns", 0); return;
	default: call(g, "local x <const>, y = @, @ R(x, y)", "??", 0);
	}
}

static void loop(struct gen *g)
{
	in_loop++;
	switch (pick(g, 7)) {
	case 0: putf(g, "for i = 1, %u do\n", pick(g, 12)); break;
	case 1: call(g, "for i = @, @, @ do N = N + 1 if N > 300 then break end\n", "nnn", 0); break;
	case 2: call(g, "for k, v in pairs(@) do R(k, v)\n", "t", 0); break;
	case 3: call(g, "for i, v in ipairs(@) do\n", "t", 0); break;
	case 4: call(g, "for w in (@):gmatch('%w') do\n", "s", 0); break;
	case 5: call(g, "while @ do N = N + 1 if N > 300 then break end\n", "b", 0); break;
	default:
		put(g, "repeat N = N + 1\n");
		block(g, 4);
		call(g, "until N > 300 or @\n", "b", 0);
		in_loop--;
		return;
	}
	block(g, 4);
	in_loop--;
	put(g, "end\n");
}

static void in_function(struct gen *g, const char *head, const char *foot,
			int coroutine)
{
	int before = in_loop;

	put(g, head);
	in_loop = 0;
	in_coroutine += coroutine;
	block(g, 5);
	in_coroutine -= coroutine;
	in_loop = before;
	put(g, foot);
}

static void coroutine(struct gen *g)
{
	static const char *const uses[] = {
		"R(coroutine.resume(co, a, s))\n", "R(coroutine.status(co))\n",
		"R(coroutine.close(co))\n", "R(pcall(f, co))\n",
		"for i = 1, 5 do R(i, coroutine.resume(co, i)) end\n", "t.k = co\n",
		"R(select(2, coroutine.running()))\n", "R(pcall(coroutine.close, coroutine.running()))\n",
	};
	unsigned n = 1 + some(g, 4);

	if (pick(g, 3) == 0) {
		in_function(g, "for x, y in coroutine.wrap(function(...)\n",
			    "end) do R(x, y) N = N + 1 if N > 300 then break end end\n", 1);
		return;
	}
	in_function(g, "do local co co = coroutine.create(function(...)\n", "end)\n", 1);
	while (n-- > 0)
		PUT_ONE(g, uses);
	put(g, "end\n");
}

static void protect(struct gen *g)
{
	static const char *const feet[] = {
		"end, a, s))\n", "end, t))\n", "return ... end, f, nil, o))\n",
	};

	if (pick(g, 3) != 0) {
		put(g, "R(pcall(");
		in_function(g, "function(...)\n", feet[pick(g, 3)], 0);
		return;
	}
	put(g, "R(xpcall(");
	in_function(g, "function(...)\n", "end, ", 0);
	if (pick(g, 2))
		put(g, "function(m) R('handler', m) return m end");
	else
		in_function(g, "function(m, ...)\n", "return m end", 0);
	put(g, ", a, b))\n");
}

static void jump(struct gen *g)
{
	int label = labels++;

	if (pick(g, 2)) {
		putf(g, "do local n = 0 ::l%d:: n = n + 1\n", label);
		block(g, 3);
		putf(g, "if n < 4 then goto l%d end end\n", label);
		return;
	}
	call(g, "do if @ then ", "b", 0);
	putf(g, "goto l%d end\n", label);
	block(g, 3);
	putf(g, "::l%d:: end\n", label);
}

static void closing(struct gen *g)
{
	put(g, "do local c <close> = ");
	switch (pick(g, 4)) {
	case 0: put(g, "nil\n"); break;
	case 1: expression(g, 't', 1); put(g, "\n"); break;
	default:
		in_function(g, "setmetatable({}, { __close = function(...) R('close', ...)\n",
			    "end })\n", 0);
	}
	block(g, 3);
	put(g, "end\n");
}

static void library(struct gen *g)
{
	switch (pick(g, 8)) {
	case 0: call(g, "table.insert(@, @)\n", "t?", 0); return;
	case 1: call(g, "R(table.remove(@))\n", "t", 0); return;
	case 2: call(g, "R(pcall(@, @, @))\n", "f??", 0); return;
	case 3: call(g, "R(pcall(string.gsub, @, '.', @))\n", "sf", 0); return;
	case 4: call(g, "R(next(@))\n", "t", 0); return;
	case 5: call(g, "SORT({ #(@), 7, #(@), 3 })\n", "ss", 0); return;
	case 6: call(g, "R(table.unpack(@, 1, 5))\n", "t", 0); return;
	default: call(g, "R(@, @)\n", "??", 0);
	}
}

static void statement(struct gen *g)
{
	switch (pick(g, 16)) {
	case 0: case 1: assign(g); put(g, "\n"); return;
	case 2: case 3: library(g); return;
	case 4: loop(g); return;
	case 5: coroutine(g); return;
	case 6: case 7: protect(g); return;
	case 8: closing(g); return;
	case 9: jump(g); return;
	case 10:
		call(g, "if @ then\n", "b", 0);
		block(g, 3);
		call(g, "elseif @ then\n", "b", 0);
		block(g, 3);
		put(g, "else\n");
		block(g, 3);
		put(g, "end\n");
		return;
	case 11:
		in_function(g, "local function f(x, y, ...)\nN = N + 1 if N > 300 then return N end\n",
			    "return x, y end\n", 0);
		return;
	case 12:
		if (in_coroutine || pick(g, 16) == 15)
			call(g, "R('back', coroutine.yield(@))\n", "?", 0);
		else
			call(g, "R(@)\n", "?", 0);
		return;
	case 13:
		if (pick(g, 2))
			call(g, "if @ then error(@) end\n", "b?", 0);
		else
			call(g, "if @ then return @, @ end\n", "b??", 0);
		return;
	case 14:
		put(g, in_loop ? "if a == b then break end\n" : "do local a, b = b, a R(a, b) end\n");
		return;
	default:
		in_function(g, "do local function deep(x, ...)\nif x == 0 then\n",
			    "return ... end\nreturn deep(x - 1, x, ...) end\nR(deep(5)) end\n", 0);
	}
}

static void block(struct gen *g, unsigned most)
{
	unsigned n = 1 + some(g, most);

	if (depth >= DEEPEST || g->n > GEN_BYTES - 8192) {
		put(g, "a = a + 1\n");
		return;
	}
	depth++;
	while (n-- > 0)
		statement(g);
	depth--;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct gen g;
	unsigned turn;

	g.p = p;
	g.end = p + n;
	g.n = 0;
	depth = in_coroutine = in_loop = labels = 0;
	turn = take(&g);
	if (turn == 255 && n > 2) {
		pair_check((const char *)p + 2, n - 2, p[1], false);
		return 0;
	}
	put(&g, "local N, a, b, s, u, t, o = 0, 1, 2, \"abc\", \"x y\", { 1, 2, k = 3 }, {}\n"
		"local function f(x, ...) return x, ... end\n"
		"local g = string.upper\n");
	do
		statement(&g);
	while (g.p < g.end && g.n < GEN_BYTES - 8192);
	put(&g, "return a, b, s, u, t, o\n");
	pair_check(g.text, g.n, turn, true);
	return 0;
}
