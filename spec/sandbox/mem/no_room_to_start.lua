-- expect: memory
-- options: --memory 2000
return 1
