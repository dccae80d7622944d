# make powerloss: an engine works under a recorder, then the disk loses its power at POINTS
# points of what was recorded and keeps any part of what no sync covered.

POINTS ?= 2000

powerloss: $B/keel	## the power goes at random points; POINTS=2000 SEED=n
	$B/keel lua spec/powerloss/run.lua --points $(POINTS) $(if $(SEED),--seed $(SEED))

.PHONY: powerloss
