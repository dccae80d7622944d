audit-storm: $B/keel	## one change each time of an audit trail; TIMES=1000 ROWS=3000 SEED=1
	$B/keel lua spec/audit/storm.lua $(or $(TIMES),1000) $(or $(ROWS),3000) $(or $(SEED),1)

.PHONY: audit-storm
