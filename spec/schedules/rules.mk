# make schedules: ten simulated years in a dozen zones against a walk through every
# minute of the C library's clock (spec/schedules/oracle.c), and the engine's policies
# against a plain model of them. ZONE=Europe/Lisbon plays one zone, SEED=7 another draw.

schedules: $B/keel $B/schedule-oracle	## schedules against an independent oracle
	$B/keel lua spec/schedules/check.lua $B/schedule-oracle $(ZONE)
$B/schedule-oracle: spec/schedules/oracle.c
	@mkdir -p $B
	$(CC) -std=c11 -O2 -Wall -Wextra -Werror -o $@ $<

.PHONY: schedules
