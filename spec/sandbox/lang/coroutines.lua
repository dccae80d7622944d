-- expect: ok
-- result: "coroutines hold"
-- Coroutines: values in and out, states, errors, wrap, close, yields through everything.
local create, resume, yield, status, wrap, close = coroutine.create, coroutine.resume, coroutine.yield, coroutine.status,
  coroutine.wrap, coroutine.close
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and tostring(message):find(words, 1, true), message)
end
local function same(wanted, ...)
  local got = table.pack(...)
  assert(got.n == (wanted.n or #wanted), got.n)
  for i = 1, got.n do assert(got[i] == wanted[i], tostring(got[i])) end
end

-- values in and out
local co = create(function(a, b)
  local c = yield(a + b)
  local d, e = yield(c * 2)
  return d, e, "end"
end)
same({ true, 3 }, resume(co, 1, 2))
same({ true, 20 }, resume(co, 10))
same({ true, "x", "y", "end" }, resume(co, "x", "y"))
same({ false, "cannot resume dead coroutine" }, resume(co))
assert(status(co) == "dead" and type(co) == "thread")
same({ true }, resume(create(function() end)))
same({ true, nil, nil, n = 3 }, resume(create(function() return nil, nil end)))

-- states
local inner, outer
outer = create(function()
  assert(status(outer) == "running" and coroutine.running() == outer and not select(2, coroutine.running()))
  assert(coroutine.isyieldable() and coroutine.isyieldable(outer))
  inner = create(function()
    assert(status(outer) == "normal" and status(inner) == "running")
    same({ false, "cannot resume non-suspended coroutine" }, resume(outer))
    same({ false, "cannot resume non-suspended coroutine" }, resume(inner))
    raises("cannot close a normal coroutine", close, outer)
    raises("cannot close a running coroutine", close, inner)
    yield()
  end)
  assert(status(inner) == "suspended" and resume(inner))
  yield()
end)
assert(status(outer) == "suspended" and resume(outer) and status(outer) == "suspended" and resume(outer) and status(outer) == "dead")

-- the main thread
local main, yes = coroutine.running()
assert(type(main) == "thread" and yes and not coroutine.isyieldable())
raises("outside a coroutine", yield)
assert(not resume(main) and status(main) == "running")

-- wrong arguments
for _, f in ipairs { resume, status, close } do raises("thread expected", f, 1) end
for _, f in ipairs { create, wrap } do raises("function expected", f, 1) end

-- errors end a coroutine, whatever their kind
local thing = {}
co = create(function() error(thing) end)
same({ false, thing }, resume(co))
assert(status(co) == "dead")
co = create(function() local x = nil; return x.y end)
local ok, message = resume(co)
assert(not ok and message:find "attempt to index a nil value %(local 'x'%)")
same({ false, nil, n = 2 }, resume(create(function() error() end)))

-- wrap passes values, raises errors with a place, and other values as they are
local gen = wrap(function(...) local n = select("#", ...) while true do n = n + yield(n) end end)
assert(gen(1, 2) == 2 and gen(5) == 7 and gen(1) == 8)
raises("in here", wrap(function() error "in here" end))
ok, message = pcall(wrap(function() error(thing) end))
assert(not ok and message == thing)
local once = wrap(function() return 1 end)
assert(once() == 1)
raises("cannot resume dead coroutine", once)

-- generators
local function numbers(n) return wrap(function() for i = 1, n do yield(i) end end) end
local sum = 0
for i in numbers(100) do sum = sum + i end
assert(sum == 5050)
local function permute(list, n)
  if n <= 1 then yield(list) return end
  for i = 1, n do
    list[n], list[i] = list[i], list[n]
    permute(list, n - 1)
    list[n], list[i] = list[i], list[n]
  end
end
local seen = {}
for p in wrap(function() permute({ "a", "b", "c", "d" }, 4) end) do seen[table.concat(p)] = true end
local count = 0
for _ in pairs(seen) do count = count + 1 end
assert(count == 24)

-- yields through pcall, xpcall, metamethods, iterators, pairs
local log = {}
local mt = {
  __add = function(a, b) return yield "add" end, __index = function(_, k) return yield "index" end,
  __newindex = function(_, k, v) yield "newindex" end, __call = function(_, v) return yield "call" end,
  __eq = function() return yield "eq" end, __lt = function() return yield "lt" end, __le = function() return yield "le" end,
  __concat = function() return yield "concat" end, __unm = function() return yield "unm" end, __len = function() return yield "len" end,
  __pairs = function(t) yield "pairs" return next, { 1 }, nil end, __band = function() return yield "band" end,
}
co = wrap(function()
  local o, p = setmetatable({}, mt), setmetatable({}, mt)
  log[1] = o + 1
  log[2] = o.x
  o.x = 1
  log[3] = o(1)
  log[4] = o == p
  log[5] = o < p
  log[6] = o <= p
  log[7] = "a" .. o .. "b"
  log[8] = -o
  log[9] = #o
  for k in pairs(o) do log[10] = k end
  log[11] = o & 1
  log[12] = select(2, pcall(function() yield "pcall" error("e", 0) end))
  log[13] = select(2, xpcall(function() yield "xpcall" error("f", 0) end, function(m) return m .. "!" end))
  for v in function(_, v) return yield "for" end do log[14] = v break end
  if not (o < p) then log[15] = "not" end
  return "done"
end)
local told, got = {}, co()
while got ~= "done" do
  told[#told + 1] = got
  got = co(#told)
end
assert(table.concat(told, " ") == "add index newindex call eq lt le concat unm len pairs band pcall xpcall for lt", table.concat(told, " "))
assert(log[1] == 1 and log[2] == 2 and log[3] == 4 and log[4] == true and log[5] == true and log[10] == 1)
assert(log[12] == "e" and log[13] == "f!" and log[15] == nil)

-- close: what is open is closed in its order, with the error; then the thread is dead
local closed = {}
local function closing(name) return setmetatable({}, { __close = function(_, e) closed[#closed + 1] = name .. ":" .. tostring(e) end }) end
co = create(function()
  local a <close> = closing "a"
  local b <close> = closing "b"
  yield(1)
end)
assert(resume(co))
same({ true }, close(co))
assert(status(co) == "dead" and table.concat(closed, " ") == "b:nil a:nil")
same({ true }, close(co))
same({ true }, close(create(print)))
co = create(function() local x <close> = setmetatable({}, { __close = function() error("closing", 0) end }) yield() end)
resume(co)
same({ false, "closing" }, close(co))
co = create(function() error({}) end)
resume(co)
ok, message = close(co)
assert(not ok and type(message) == "table" and status(co) == "dead")
closed = {}
co = create(function() local x <close> = closing "x" error("y", 0) end)
same({ false, "y" }, resume(co))
assert(#closed == 0 and close(co) == false and closed[1] == "x:y")
closed = {}
co = wrap(function() local x <close> = closing "w" error("z", 0) end)
raises("z", co)
assert(closed[1] == "w:z")
co = wrap(function() local x <close> = setmetatable({}, { __close = function() yield "in close" end }) return "ret" end)
assert(co() == "in close" and co() == "ret")

-- many, and deep
local chain = function() return 1 end
for i = 1, 100 do local next_one = chain; chain = function() return wrap(next_one)() + 1 end end
assert(chain() == 101)
local all = {}
for i = 1, 500 do all[i] = wrap(function() local v = i while true do v = v + yield(v) end end) end
for i = 1, 500 do assert(all[i]() == i and all[i](2) == i + 2) end
local function forever() return wrap(forever)() end
raises("C stack overflow", forever)
return "coroutines hold"
