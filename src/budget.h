/* budget.h -- no call leaves unreserved.
 *
 * A reservation holds the most that an attempt of a paid call can cost, in every
 * budget that it counts in, before anything is sent. It ends in exactly one of
 * three ways, in the transaction that also carries the outcome:
 *   settled     the cost is known
 *   estimated   it is not: the bound counts as spent
 *   released    nothing was sent, or the other side charges nothing for it
 * A reservation of an owner that died becomes estimated (budget_recover), never
 * released. Money is integer pico-USD; sums are kept in the same transaction.
 *
 * Times and starts of windows are handed in. The numbers are taken from objects
 * in codec bytes, because most of what a row keeps is the Lua half's business. */
#ifndef KEEL_BUDGET_H
#define KEEL_BUDGET_H

#include "store.h"

/* No single attempt may hold more: 1,000,000 USD. */
#define BUDGET_MONEY_MAX INT64_C(1000000000000000000)

/* Add a reservation to t. The claim is an object
 *   key       names the reservation, unique for ever
 *   money, tokens, calls, attempt, now
 *   lines     [{scope, window, start, limit_money?, limit_tokens?, limit_calls?}]
 *   run?, agent?, seq?, tier?, provider?, model?, price_json?   kept in its row
 * When one of the lines has no room the transaction fails with ERR_BUDGET and a
 * message that names it; nothing is held then. ERR_INPUT for a bad claim. */
int budget_reserve(struct txn *t, const void *claim, size_t n, struct err *e);

/* Add the end of a reservation to t: an object
 *   key, state ("settled", "estimated", "released"), now
 *   cost, input, output, cached       0 unless settled
 *   request_id?, error?               kept in its row
 * The transaction fails with ERR_CONFLICT when it ended already. */
int budget_settle(struct txn *t, const void *end, size_t n, struct err *e);

/* Add the recovery to t: once, after the store was opened. */
int budget_recover(struct txn *t, int64_t now_ms, struct err *e);

/* "$0.0123" for a message: at least two decimals, nothing rounded. */
void budget_money_text(int64_t picousd, char out[32]);

#endif
