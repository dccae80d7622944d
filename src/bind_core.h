/* bind_core.h -- openers of the small C halves; each leaves its table. */
#ifndef KEEL_BIND_CORE_H
#define KEEL_BIND_CORE_H

#include "bind.h"

int bind_open_json(lua_State *L);	/* core.json: decode encode pack unpack   */
int bind_open_clock(lua_State *L);	/* core.clock: now_ms mono_us cpu_us thread_us random */
int bind_open_digest(lua_State *L);	/* core.digest: sha256 hmac make_id (hex) */
int bind_open_crash(lua_State *L);	/* core.crash: point(name), see crash.h   */

#endif
