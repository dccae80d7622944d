# make crash: kill -9 under 64 runs, KILLS times, with a ledger (spec/crash/storm.lua).
# make crash-demo: the main job killed at KILLS random moments and at every STRIDEth disk
# call, a disk that fills up there, and so on (spec/crash/demo.lua). ONLY=way plays one.

KILLS  ?= 200
STRIDE ?= 8

crash: $B/keel		## kill -9 under 64 runs that act on a ledger; KILLS=200 SEED=n
	$B/keel lua spec/crash/storm.lua --kills $(KILLS) $(if $(SEED),--seed $(SEED))

crash-demo: $B/keel	## the main job under kill -9 and a full disk; KILLS=200 STRIDE=8
	$B/keel lua spec/crash/demo.lua --kills $(KILLS) --stride $(STRIDE) \
		$(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

# make crash-points: killed at every named place of every scenario (spec/crash/points.lua).
# POINT_STRIDE=n takes every nth; SCENARIO=name plays one.

POINT_STRIDE ?= 1

crash-points: $B/keel	## killed at every named place of 40 scenarios; POINT_STRIDE=1
	$B/keel lua spec/crash/points.lua --stride $(POINT_STRIDE) \
		$(if $(SEED),--seed $(SEED)) $(if $(SCENARIO),--only $(SCENARIO))

# make diskfull: no room, failing writes and failing syncs at every DISK_STRIDEth call of a
# served engine (spec/crash/diskfull.lua).

DISK_STRIDE ?= 4

diskfull: $B/keel	## a full or failing disk under a served engine; DISK_STRIDE=4
	$B/keel lua spec/crash/diskfull.lua --stride $(DISK_STRIDE) \
		$(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

.PHONY: crash crash-demo crash-points diskfull

# make crash-memory: memory killed before KILLS calls that change the disk, over writing,
# letting go, moving together and purging (spec/crash/memory.lua).

crash-memory: $B/keel	## memory under kill -9 while it writes, lets go and purges; KILLS=200
	$B/keel lua spec/crash/memory.lua --kills $(KILLS)

.PHONY: crash-memory
