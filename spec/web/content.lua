-- keel lua spec/web/content.lua STORE: prints the hash of what stands in it.
print(require "spec.support.content"(arg[1]))
