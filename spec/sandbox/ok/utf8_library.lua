-- expect: ok
-- result: [5,233,"é€",[1,2,4]]
local at = {}
for p in utf8.codes("aé€") do at[#at + 1] = p end
return { utf8.len("häuse"), utf8.codepoint("é"), utf8.char(233, 8364), at }
