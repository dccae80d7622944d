/* budget.h -- no call leaves unreserved.
 *
 * A reservation holds the most that an attempt of a paid call can cost, in every
 * budget that it counts in, before anything is sent. It ends in exactly one of
 * three ways, in the transaction that also carries the outcome:
 *   settled     the cost is known
 *   estimated   it is not: the bound counts as spent, until somebody knows better
 *   released    nothing was sent, or the other side charges nothing for it
 * A reservation of an owner that died becomes estimated (budget_recover), never
 * released. Money is integer pico-USD; sums are kept in the same transaction.
 *
 * An advance is a reservation for calls that are still to come. Such a call takes its
 * own from it; since that is held already, it need not wait for the disk. What is left
 * of an advance when its owner dies counts as spent, since what was taken from it in
 * the last moment is not known.
 *
 * Times and starts of windows are handed in (ledger_row.h). */
#ifndef KEEL_BUDGET_H
#define KEEL_BUDGET_H

#include "ledger_row.h"
#include "store.h"

/* No single attempt may hold more: 1,000,000 USD. */
#define BUDGET_MONEY_MAX INT64_C(1000000000000000000)
/* Nor more tokens and calls than this, nor may a text of a claim be longer. */
#define BUDGET_COUNT_MAX INT64_C(1000000000000)
#define BUDGET_TEXT_MAX 2000

/* Add a reservation to t; the claim is copied. When one of its lines has no room the
 * transaction fails with ERR_BUDGET and a message that names it; nothing is held
 * then. ERR_INPUT for a bad claim. */
int budget_reserve(struct txn *t, const struct ledger_claim *c, struct err *e);

/* Add the end of a reservation to t. The transaction fails with ERR_CONFLICT when it
 * ended already (or, with `late`, is none whose outcome is unknown). */
int budget_settle(struct txn *t, const struct ledger_end *end, struct err *e);

/* Add the recovery to t: once, after the store was opened. */
int budget_recover(struct txn *t, int64_t now_ms, struct err *e);

#endif
