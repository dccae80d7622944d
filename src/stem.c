#include "stem.h"

#include <libstemmer.h>
#include <stdlib.h>
#include <string.h>

struct stem {
	struct sb_stemmer *english;
};

struct stem *stem_new(void)
{
	struct stem *s = calloc(1, sizeof(*s));

	if (s != NULL && (s->english = sb_stemmer_new("english", NULL)) == NULL) {
		free(s);
		s = NULL;
	}
	return s;
}

void stem_free(struct stem *s)
{
	if (s == NULL)
		return;
	sb_stemmer_delete(s->english);
	free(s);
}

/* Ascending by the form. Forms that are words of their own ("left", "lay") are
 * not here. */
static const struct form {
	const char *form, *word;
} forms[] = {
	{ "alumni", "alumnus" }, { "analyses", "analysis" },
	{ "appendices", "appendix" }, { "arisen", "arise" },
	{ "arose", "arise" }, { "ate", "eat" }, { "awoke", "awake" },
	{ "awoken", "awake" }, { "bacteria", "bacterium" }, { "began", "begin" },
	{ "begun", "begin" }, { "bent", "bend" }, { "bit", "bite" },
	{ "bitten", "bite" }, { "bled", "bleed" }, { "blew", "blow" },
	{ "blown", "blow" }, { "bought", "buy" }, { "broke", "break" },
	{ "broken", "break" }, { "brought", "bring" }, { "built", "build" },
	{ "burnt", "burn" }, { "calves", "calf" }, { "came", "come" },
	{ "caught", "catch" }, { "children", "child" }, { "chose", "choose" },
	{ "chosen", "choose" }, { "crept", "creep" }, { "crises", "crisis" },
	{ "criteria", "criterion" }, { "dealt", "deal" },
	{ "diagnoses", "diagnosis" }, { "drank", "drink" }, { "drawn", "draw" },
	{ "dreamt", "dream" }, { "drew", "draw" }, { "driven", "drive" },
	{ "drove", "drive" }, { "drunk", "drink" }, { "dug", "dig" },
	{ "eaten", "eat" }, { "fallen", "fall" }, { "fed", "feed" },
	{ "feet", "foot" }, { "fell", "fall" }, { "felt", "feel" },
	{ "flew", "fly" }, { "flown", "fly" }, { "forgave", "forgive" },
	{ "forgiven", "forgive" }, { "forgot", "forget" },
	{ "forgotten", "forget" }, { "fought", "fight" }, { "found", "find" },
	{ "froze", "freeze" }, { "frozen", "freeze" }, { "fungi", "fungus" },
	{ "gave", "give" }, { "geese", "goose" }, { "given", "give" },
	{ "gone", "go" }, { "got", "get" }, { "gotten", "get" },
	{ "grew", "grow" }, { "grown", "grow" }, { "halves", "half" },
	{ "heard", "hear" }, { "held", "hold" }, { "hid", "hide" },
	{ "hidden", "hide" }, { "hung", "hang" }, { "hypotheses", "hypothesis" },
	{ "indices", "index" }, { "kept", "keep" }, { "knelt", "kneel" },
	{ "knew", "know" }, { "knives", "knife" }, { "known", "know" },
	{ "laid", "lay" }, { "larvae", "larva" }, { "leant", "lean" },
	{ "leapt", "leap" }, { "learnt", "learn" }, { "led", "lead" },
	{ "lent", "lend" }, { "lit", "light" }, { "loaves", "loaf" },
	{ "lost", "lose" }, { "made", "make" }, { "matrices", "matrix" },
	{ "meant", "mean" }, { "men", "man" }, { "met", "meet" },
	{ "mice", "mouse" }, { "mistaken", "mistake" }, { "mistook", "mistake" },
	{ "nuclei", "nucleus" }, { "overcame", "overcome" },
	{ "overslept", "oversleep" }, { "paid", "pay" }, { "people", "person" },
	{ "phenomena", "phenomenon" }, { "proven", "prove" }, { "ran", "run" },
	{ "rang", "ring" }, { "rebuilt", "rebuild" }, { "repaid", "repay" },
	{ "resold", "resell" }, { "rewritten", "rewrite" },
	{ "rewrote", "rewrite" }, { "ridden", "ride" }, { "risen", "rise" },
	{ "rode", "ride" }, { "rose", "rise" }, { "rung", "ring" },
	{ "said", "say" }, { "sang", "sing" }, { "sank", "sink" },
	{ "sat", "sit" }, { "saw", "see" }, { "seen", "see" },
	{ "selves", "self" }, { "sent", "send" }, { "sewn", "sew" },
	{ "shaken", "shake" }, { "shelves", "shelf" }, { "shone", "shine" },
	{ "shook", "shake" }, { "shot", "shoot" }, { "shown", "show" },
	{ "shrank", "shrink" }, { "shrunk", "shrink" }, { "slept", "sleep" },
	{ "slid", "slide" }, { "sold", "sell" }, { "sought", "seek" },
	{ "sped", "speed" }, { "spent", "spend" }, { "spoke", "speak" },
	{ "spoken", "speak" }, { "sprang", "spring" }, { "sprung", "spring" },
	{ "spun", "spin" }, { "stimuli", "stimulus" }, { "stole", "steal" },
	{ "stolen", "steal" }, { "stood", "stand" }, { "struck", "strike" },
	{ "stuck", "stick" }, { "stung", "sting" }, { "sung", "sing" },
	{ "sunk", "sink" }, { "swam", "swim" }, { "swept", "sweep" },
	{ "swollen", "swell" }, { "swore", "swear" }, { "sworn", "swear" },
	{ "swum", "swim" }, { "swung", "swing" }, { "taken", "take" },
	{ "taught", "teach" }, { "teeth", "tooth" }, { "theses", "thesis" },
	{ "thieves", "thief" }, { "thought", "think" }, { "threw", "throw" },
	{ "thrown", "throw" }, { "told", "tell" }, { "took", "take" },
	{ "tore", "tear" }, { "torn", "tear" }, { "understood", "understand" },
	{ "undertaken", "undertake" }, { "undertook", "undertake" },
	{ "went", "go" }, { "wept", "weep" }, { "withdrawn", "withdraw" },
	{ "withdrew", "withdraw" }, { "wives", "wife" }, { "woke", "wake" },
	{ "woken", "wake" }, { "wolves", "wolf" }, { "women", "woman" },
	{ "won", "win" }, { "wore", "wear" }, { "worn", "wear" },
	{ "wove", "weave" }, { "woven", "weave" }, { "written", "write" },
	{ "wrote", "write" },
};

static int compare(const char *word, size_t n, const char *form)
{
	size_t m = strlen(form);
	int order = memcmp(word, form, n < m ? n : m);

	return order ? order : (n > m) - (n < m);
}

static const char *regular(const char *word, size_t n)
{
	size_t low = 0, high = sizeof(forms) / sizeof(*forms);

	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = compare(word, n, forms[mid].form);

		if (order == 0)
			return forms[mid].word;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const char *stem_of(struct stem *s, const char *word, size_t n, size_t *len)
{
	const char *known = regular(word, n);
	const sb_symbol *stem;

	if (known != NULL) {
		word = known;
		n = strlen(known);
	}
	stem = sb_stemmer_stem(s->english, (const sb_symbol *)word, (int)n);
	if (stem == NULL) {	/* no memory: the word is its own stem */
		*len = n;
		return word;
	}
	*len = (size_t)sb_stemmer_length(s->english);
	return (const char *)stem;
}
