-- expect: error ^nan$
error(-(0 / 0))
