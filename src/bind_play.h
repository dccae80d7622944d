/* bind_play.h -- core.run.play: manifests are read so, and examples tried. */
#ifndef KEEL_BIND_PLAY_H
#define KEEL_BIND_PLAY_H

#include "bind.h"

/* play{ sources, setup, prelude, instructions, memory, wall, seed }: see the .c */
int bind_play(lua_State *L);

#endif
