# make approvals: CHANGES random changes between asking and acting (spec/approvals/mutations.lua)
# and RACES of taking a decision back against acting on it (spec/approvals/races.lua); then how
# long MANY open ones take (spec/approvals/many.lua).

CHANGES ?= 1000
RACES   ?= 10000
MANY    ?= 10000

approvals: $B/keel	## nothing acts that nobody approved; CHANGES=1000 RACES=10000 SEED=1
	$B/keel lua spec/approvals/mutations.lua --n $(CHANGES) --seed $(or $(SEED),1)
	$B/keel lua spec/approvals/races.lua --n $(RACES) --seed $(or $(SEED),1)
	$B/keel lua spec/approvals/many.lua --n $(MANY)

.PHONY: approvals
