-- expect: instructions
-- options: --instructions 1
return 1 + 1
