-- expect: ok
-- result: [true,false,false,false,false]
-- what the engine resumes is to the script what the main thread is to a program
local co, main = coroutine.running()
return { main, coroutine.isyieldable(), coroutine.isyieldable(co), (pcall(coroutine.yield)), (pcall(coroutine.close, co)) }
