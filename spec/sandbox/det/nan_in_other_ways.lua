-- expect: ok
-- result: "nan nan nan nan nan"
return table.concat({ tostring(math.fmod(1, 0.0)), tostring(0.0 * math.huge), tostring(math.huge % 2), tostring(tonumber("nan") or -(0 / 0)), tostring((0 / 0) ^ 2) }, " ")
