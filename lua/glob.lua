--- Patterns over names: `*` stands for any rest of any length, everything else for
--- itself.
local glob = {}

--- Whether `name` fits `pattern`. Linear in both, whatever the pattern.
function glob.match(pattern, name)
  local p, n, star, mark = 1, 1, nil, 1
  while n <= #name do
    local c = pattern:byte(p)
    if c == 42 then
      star, mark, p = p, n, p + 1
    elseif c and c == name:byte(n) then
      p, n = p + 1, n + 1
    elseif star then
      mark = mark + 1
      p, n = star + 1, mark
    else
      return false
    end
  end
  while pattern:byte(p) == 42 do p = p + 1 end
  return p > #pattern
end

return glob
