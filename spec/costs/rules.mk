# make costs-check: costs asked for in every way are the same, over CALLS calls (100,000).

costs-check: $B/keel	## the ledger, the sums, keel costs, OTLP and Prometheus agree to the pico-USD; CALLS=100000
	CALLS=$(or $(CALLS),100000) $B/keel lua spec/costs/check.lua

.PHONY: costs-check
