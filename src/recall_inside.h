/* recall_inside.h -- one search under way; shared by recall.c, recall_find.c,
 * recall_text.c, recall_when.c and recall_alike.c. */
#ifndef KEEL_RECALL_INSIDE_H
#define KEEL_RECALL_INSIDE_H

#include "memory_inside.h"
#include "token.h"

#define RECALL_SPEECH 40		/* words: texts are like speech below  */
#define RECALL_TERMS 64		/* words of a question that are looked for */
/* So many are looked at more closely, by full text and by vectors, at least. */
#define RECALL_TEXTS(k) (4 * (k) > 200 ? 4 * (k) : 200)
#define RECALL_VECTORS(k) (2 * (k) > 100 ? 2 * (k) : 100)

struct recall_wanted {		/* the question's names, as numbers */
	uint32_t kinds[MEMORY_FEW], trust, session, speaker, run;
};

struct recall_term {
	uint32_t stem;
	float weight;		/* of the word in the question: 1, or less  */
	double idf;
};

struct recall {
	struct memory *m;
	const struct memory_query *q;
	struct memory_hits *out;
	struct shelf *shelf;
	int64_t as_of;

	struct recall_wanted wanted;
	uint64_t *mask;			/* or NULL: only the cards decide    */
	struct memory_tuning *tunings;	/* [0] the usual one, then q's tuned */
	const struct memory_tuning **tuning;	/* by number of the kind     */
	int8_t *query;			/* padded to the stride */
	float query_inverse;

	struct recall_term term[RECALL_TERMS];
	size_t terms_n;
	uint32_t *found;		/* texts with a word of the question */
	size_t found_n, found_cap;
	double best_text;
	uint64_t asked[RECALL_TERMS];	/* hashes of the question's words, as
					 * they are written               */
	size_t asked_n;

	size_t *at;			/* candidates, ascending           */
	size_t at_n, at_cap;
	struct score_item *items;
	struct recall_words *kept;	/* words of the hits so far        */
};

int recall_no_memory(struct err *e);

/* What counts for the row's kind. */
static inline const struct memory_tuning *recall_tuning(const struct recall *r,
							size_t at)
{
	return r->tuning[r->shelf->cards[at].kind];
}

/* Note which kinds are tuned how, and the numbers of the names that are asked
 * for; then, when fields or patterns are, which rows have them. */
int recall_prepare(struct recall *r, struct db *db, struct err *e);

/* Whether the row may be seen at all. */
bool recall_sees(const void *recall, size_t at);

/* Find the rows with words of the question, and rate them in the shelf's text
 * column. */
int recall_texts(struct recall *r, struct err *e);

/* Whether the row falls into the time that the question names, if it names one. */
bool recall_in_time(const struct recall *r, size_t at);

/* Which of the hits so far says nearly the same as the text; -1: none, and its words
 * are kept as those of the next hit. Before and after: room for k hits. */
int recall_remember_words(struct recall *r, size_t k, struct err *e);
int recall_twin(struct recall *r, struct span text, ptrdiff_t *twin,
		struct err *e);
void recall_forget_words(struct recall *r, size_t n);

/* Whether the folded word is one that the question asks for. */
bool recall_asks_for(const struct recall *r, const struct token *t);

#endif
