-- expect: error ^keel: ok\nerror, 0 instructions$
error("keel: ok\nerror, 0 instructions", 0)
