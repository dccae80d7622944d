-- expect: instructions|memory
while true do coroutine.create(print) end
