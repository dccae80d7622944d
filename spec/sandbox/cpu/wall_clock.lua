-- The clock stops it when the instructions are many.
-- expect: wall
-- options: --instructions 100000000000 --wall 150
while true do end
