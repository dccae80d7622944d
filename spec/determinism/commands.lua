--- Pieces of scripts that make commands. Each is a function(r, n, s) -> source of one
-- block; n is its number in the script, s the script being made. Arguments depend on
-- `h`, so that whatever differed before shows. Between @b and @e (comments, in the
-- script) stands the body of a step, which a replay does not run.
-- A script races where branches share `h`: their order then belongs to the disk's pace;
-- it is in the journal, but another run of the same script may find another one.

local commands = {}

function commands.step(r, n)
  return ([=[mix(ctx.step{ name = "s%d", args = { h, %d }, run = function() @b return { h %% %d, %d.5, "v" .. h, { a = %d } } @e end })]=])
    :format(n, r(0, 99), r(2, 999), r(0, 9), r(0, 9))
end

function commands.steps(r, n)
  return ([=[for i = %d, %d do mix(ctx.step{ name = "l%d", args = { i = i, h = h %% %d }, run = function() @b return h + i * %d @e end }) end]=])
    :format(r(1, 2), r(3, 7), n, r(9, 999), r(1, 9))
end

function commands.branch(r, n)
  return ([=[if h %% %d %s %d then mix(ctx.step{ name = "b%d", args = { h }, run = function() @b return 1 @e end })
else mix(ctx.step{ name = "c%d", args = { h }, run = function() @b return 2 @e end }) end]=])
    :format(r(2, 5), r.pick { "==", "<", ">" }, r(0, 2), n, n)
end

function commands.failing_step(r, n)
  return ([=[local v, err = ctx.step{ name = "f%d", args = { h }, run = function() @b return nil, { code = "c%d", message = "m" .. h } @e end }
mix(v) mix(err.code) mix(err.message)]=]):format(n, r(0, 9))
end

function commands.raising_step(r, n)
  return ([=[mix(pcall(ctx.step, { name = "r%d", args = { h %% %d }, run = function() @b %s @e end }))]=]):format(n, r(2, 99),
    r.pick { "error('oh ' .. h)", "error({ code = 'own', message = 'mine' })", "return print", "local x = nil + 1", "return 'a\\xff'" })
end

function commands.group(r, n)
  return ([=[mix(ctx.step{ name = "g%d", args = { h }, run = function()
  local a = ctx.step{ name = "g%da", args = { h %% %d }, run = function() @b return h + %d @e end }
  local b = ctx.step{ name = "g%db", args = { a %% %d }, run = function() @b return ctx.random(%d) @e end }
  return a + b * %d
end })]=]):format(n, n, r(2, 99), r(0, 9), n, r(2, 99), r(2, 9999), r(1, 9))
end

function commands.undo(r, n, s)
  s.undos = true
  return ([=[mix(ctx.step{ name = "u%d", args = { h }, run = function() @b return %d @e end, undo = function(v) @b return { v, %d } @e end })]=])
    :format(n, r(0, 99), r(0, 9))
end

function commands.tail(r, n)
  return ([=[local function f(a)
  return ctx.step{ name = "t%d", args = { a, h }, run = function() @b return a @e end }
end
mix(f(%d))]=]):format(n, r(0, 99))
end

function commands.all(r, n)
  return ([=[local h0 = h
local got = ctx.all{ x = function() return ctx.step{ name = "a%dx", args = { h0 }, run = function() @b return h0 %% %d @e end } end,
  y = function() local v = ctx.step{ name = "a%dy", args = { h0, %d }, run = function() @b return %d @e end } return v end,
  [%d] = function() return h0 %% %d end }
mix(got)]=]):format(n, r(2, 99), n, r(0, 9), r(0, 99), r(1, 9), r(2, 99))
end

function commands.racing_all(r, n, s)
  s.racing = true
  return ([=[ctx.all{ function() ctx.sleep("%ds") mix(ctx.step{ name = "ra%d", args = { h }, run = function() @b return h %% %d @e end }) end,
  function() for i = 1, %d do mix(ctx.records.put{ type = "race%s", key = "k" .. i, value = h %% 1000 }) end end,
  function() mix(ctx.step{ name = "rb%d", args = { h }, run = function() @b return ctx.random(%d) @e end }) end }]=])
    :format(r(1, 9), n, r(2, 99), r(1, 4), s.name, n, r(2, 999))
end

function commands.any(r, n, s)
  s.racing = true
  return ([=[mix(ctx.any{ slow = function() ctx.sleep("%dm") mix("slow") return %d end,
  fast = function() ctx.sleep("%ds") mix(ctx.now() %% 1000) return h %% %d end,
  work = function() for i = 1, %d do ctx.sleep(%d) mix(i) end return "worked" end })]=])
    :format(r(5, 9), r(0, 9), r(1, 50), r(2, 99), r(1, 3), r(100, 9000))
end

function commands.failing_all(r, n, s)
  s.racing = true
  return ([=[mix(pcall(ctx.all, { function() error("branch %d") end, function() return ctx.step{ name = "fa%d", args = { h }, run = function() @b return 1 @e end } end }))]=])
    :format(r(0, 99), n)
end

function commands.records(r, n, s)
  return ([=[mix(ctx.records.put{ type = "t%s", key = "k%d", value = { h = h %% %d, list = { 1, 2.5, "x" } } })
mix(ctx.records.get{ type = "t%s", key = "k%d" }) mix(ctx.records.find{ type = "t%s", where = { h = h %% 7 }, limit = %d })
mix(ctx.records.get{ type = "t%s", key = "none" .. h }) %s]=]):format(s.name, n, r(2, 999), s.name, n, s.name, r(1, 9), s.name,
    r.pick { "", ("mix(ctx.records.delete{ type = 't%s', key = 'k%d' })"):format(s.name, n) })
end

function commands.memory(r, n, s)
  return ([=[mix(ctx.memory.remember{ kind = "k%s", key = "m%d", text = "note " .. h, value = { n = %d } }.key)
local got = ctx.memory.get{ kind = "k%s", key = "m%d" } mix(got and got.text) mix(got and got.value) %s]=]):format(s.name, n, r(0, 99), s.name, n,
    r.pick { "", ("mix(ctx.memory.forget{ kind = 'k%s', key = 'm%d' })"):format(s.name, n) })
end

function commands.emit(r, n, s)
  return ([=[mix(ctx.emit("out%s.%d", { h = h, l = { %d, %d } }, { key = "e" .. h %% %d }))]=]):format(s.name, n, r(0, 9), r(0, 9), r(2, 9999))
end

function commands.wait(r, n, s)
  local name = ("go%s.%d"):format(s.name, n)
  if r(1, 3) > 1 then s.events[#s.events + 1] = { type = name, payload = { n = r(0, 99), t = "x" .. r(0, 9) } } end
  return ([=[local ev, err = ctx.wait{ event = "%s", within = "%dm" } mix(ev and ev.payload) mix(err and err.code)]=]):format(name, r(1, 9))
end

function commands.child(r, _, s)
  s.racing = s.racing -- a child's number is its own: no race
  return ([=[local v, err = ctx.call("kid", { n = h %% %d, w = "w%d" }) mix(v) mix(err and err.code) mix(err and err.message)]=]):format(r(2, 30), r(0, 9))
end

function commands.sleep(r)
  return r.pick { ([=[ctx.sleep("%ds")]=]):format(r(1, 99)), ([=[ctx.sleep(h %% %d)]=]):format(r(2, 9999)), ([=[ctx.sleep("%dm%ds")]=]):format(r(1, 9), r(1, 50)) }
    .. " mix(ctx.now() % 100000)"
end

function commands.skill(r)
  return ([=[mix(ctx.skill.shape{ n = h %% %d, words = { "b", "a", "c%d" } }) mix(pcall(ctx.skill.shape, { n = -%d }))]=]):format(r(2, 999), r(0, 9), r(1, 9))
end

function commands.adapter(r)
  return ([=[mix(ctx.skill.mail{ op = "send", to = "a%d@example.org", body = "h " .. h }.sent)]=]):format(r(0, 9))
end

function commands.approve(r, n, s)
  return ([=[local v = ctx.approve{ subject = "%s.%d", proposal = { h = h, n = %d }, within = "%dm", otherwise = "%s" }
mix(v.outcome) mix(v.value) mix(v.by) mix(v.applied)]=]):format(s.name, n, r(0, 99), r(1, 9), r.pick { "reject", "skip", "later" })
end

--- Its body runs again in a replay when it was tried more than once.
function commands.retry(r, n)
  return ([=[local tries = 0
mix(pcall(ctx.step, { name = "y%d", args = { h }, retry = { attempts = %d, initial = "%ds", factor = %d, jitter = 0.%d },
  run = function() tries = tries + 1 if tries < %d then %s end return { h %% %d, tries } end }))]=]):format(n, r(1, 4), r(1, 20), r(1, 3), r(0, 5), r(1, 5),
    r.pick { "error('try ' .. tries)", "return nil, { code = 'busy', message = 'try ' .. tries }" }, r(2, 99))
end

function commands.timeout(r, n, s)
  s.racing = true
  return ([=[local v, err = ctx.step{ name = "o%d", args = { h }, timeout = "%ds", run = function() ctx.sleep("%ds") return h %% %d end }
mix(v) mix(err and err.code)]=]):format(n, r(3, 9), r(1, 12), r(2, 99))
end

function commands.atomic(r, n, s)
  return ([=[mix(ctx.atomic(function()
  mix(ctx.records.put{ type = "t%s", key = "x%d", value = { h = h %% %d } })
  mix(ctx.memory.remember{ kind = "k%s", key = "x%d", text = "both " .. h })
  %s
  return h %% %d
end)) mix(ctx.records.get{ type = "t%s", key = "x%d" })]=]):format(s.name, n, r(2, 99), s.name, n,
    r.pick { "", ("ctx.emit('both%s', { h = h })"):format(s.name) }, r(2, 99), s.name, n)
end

function commands.patch(r, n)
  return ([=[if ctx.patch("p%d") then mix(ctx.step{ name = "p%d", args = { h, %d }, run = function() @b return h %% 9 @e end }) end]=]):format(n, n, r(0, 9))
end

--- How often each is taken, of 100 or so.
commands.weights = { step = 14, steps = 8, branch = 12, failing_step = 5, raising_step = 5, group = 8, undo = 9, tail = 5, all = 5,
  racing_all = 4, any = 4, failing_all = 3, records = 7, memory = 6, emit = 4, wait = 4, child = 4, sleep = 5, skill = 4,
  adapter = 3, approve = 3, retry = 6, timeout = 4, atomic = 4, patch = 3 }

return commands
