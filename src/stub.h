/* stub.h -- a server that answers every POST with the same chat completion: the other
 * side of `keel bench model`, quick enough not to be what is measured. */
#ifndef KEEL_STUB_H
#define KEEL_STUB_H

#include "err.h"

/* Listen on 127.0.0.1 and serve until the process ends; `listening` is told the port.
 * The path's first part is how long a reply is held back, "MIN-MAX" in microseconds (none:
 * at once), a time for each by chance; x-request-id says how long it was: "held-N". A
 * request whose body has "stream":true is answered by 16 events, spread over that
 * time, the usage and [DONE]. Returns only with an error. */
int stub_serve(void (*listening)(int port), struct err *e);

#endif
