# make crash: the demo killed at KILLS random moments and at every STRIDEth disk call,
# a disk that fills up there, and so on (spec/crash/demo.lua). ONLY=way plays one.

KILLS  ?= 200
STRIDE ?= 8

crash: $B/keel		## the main job under kill -9 and a full disk; KILLS=200 STRIDE=8
	$B/keel lua spec/crash/demo.lua --kills $(KILLS) --stride $(STRIDE) \
		$(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

.PHONY: crash
