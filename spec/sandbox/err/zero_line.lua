-- Stock 5.4.4 blames the line that called somebody last, and a preempted run another.
-- expect: error zero_line.lua:9: attempt to perform 'n%%0'
-- options: --slice 1
local a = 0
do
  local c <close> = nil
  for i = 1, 3 do a = a * i end

  a = a % a
end
