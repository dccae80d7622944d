WEB = $B/web-modules

test-web: $B/keel	## the dashboard in Chromium: keys, forms, looks, axe (needs node and chromium)
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "skipped: node and npm are not here"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }; \
	command -v chromium >/dev/null || { echo "skipped: chromium is not here"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }; \
	mkdir -p $(WEB) && cp spec/web/package.json spec/web/package-lock.json $(WEB)/ && \
	{ cmp -s spec/web/package-lock.json $(WEB)/.have || { (cd $(WEB) && npm ci --silent --no-audit --no-fund) && cp spec/web/package-lock.json $(WEB)/.have; }; } && \
	node spec/web/run.mjs $(abspath $B)

.PHONY: test-web
