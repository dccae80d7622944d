--- The scripts of spec/sandbox/ and what their first lines say (see spec/sandbox_spec.lua).
return require "bench.corpus"
