-- expect: instructions|memory
while true do string.pack("c8000000", "") end
