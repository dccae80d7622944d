reload-storm: $B/keel	## saves in six styles during many runs; SAVES=1000 RUNS=1000 SEED=1
	$B/keel lua spec/reload/storm.lua $(or $(SAVES),1000) $(or $(RUNS),1000) $(or $(SEED),1)

.PHONY: reload-storm
