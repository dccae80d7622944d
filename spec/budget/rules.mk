# make budget-storm: SEEDS storms of 1,000 parallel calls on budgets for 100, against a
# provider with faults and exact books, and KILLS deaths on the way (spec/budget/main.lua).

SEEDS ?= 100

budget-storm: $B/keel	## money as a physical limit, under faults and kill -9; SEEDS=100 SEED=1
	$B/keel lua spec/budget/main.lua --seeds $(SEEDS) --seed $(or $(SEED),1) --kills $(KILLS) \
		$(if $(ONLY),--only $(ONLY))

.PHONY: budget-storm
