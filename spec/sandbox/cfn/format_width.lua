-- expect: instructions
while true do string.format("%99.99f", -1.7976931348623157e308) end
