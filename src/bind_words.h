/* bind_words.h -- C halves about meaning: core.words and core.vec. */
#ifndef KEEL_BIND_WORDS_H
#define KEEL_BIND_WORDS_H

#include "bind.h"

int bind_open_words(lua_State *L);
int bind_open_vec(lua_State *L);

#endif
