--- What scripts, mails and files are called and say is shown in many places, and can
--- forge nothing in any of them: a home full of hostile names, and every command that
--- prints some of them.
local file = require "file"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local server = require "spec.support.server"

-- What moves a cursor, rings, erases, begins a line, turns the direction.
local evil = "ab\27[2J\27]0;t\7\r\nkeel: all is well\8\8\127\u{85}\u{9b}31m\u{9d}x\u{2028}keel: u\u{2029}\u{202e}r\u{202d}\u{2066}i\u{2069}\u{200e}\u{200f}\u{61c}e"

--- Why a text must not stand on a terminal, or nil.
local function forged(text, tabs)
  local length, bad = utf8.len(text)
  if not length then return "it is not UTF-8 at byte " .. bad end
  for at, code in utf8.codes(text) do
    if code < 32 and code ~= 10 and not (tabs and code == 9) or code >= 0x7f and code <= 0x9f
      or code == 0x61c or code == 0x200e or code == 0x200f or code >= 0x2028 and code <= 0x202e
      or code >= 0x2066 and code <= 0x2069 then
      return ("U+%04X after '%s'"):format(code, text:sub(math.max(1, at - 40), at - 1))
    end
  end
  if ("\n" .. text):find("\nkeel: all is well", 1, true) then return "a line of ours was forged" end
end

local q = ("%q"):format(evil):gsub("\\\n", "\\n"):gsub("\r", "\\r")

local agents = {
  busy = home.agent(([[
    local evil = %s
    ctx.step{ name = evil, args = { [evil] = evil, { evil } }, run = function() return { evil, { x = evil } } end }
  ]]):gsub("{ %[evil%] = evil, { evil } }", "{ [evil] = evil, list = { evil } }"):format(q) .. [[
    local _, err = ctx.step{ name = "nothing " .. evil, run = function() return nil, { code = evil, message = evil } end }
    pcall(ctx.step, { name = "raises", run = function() error(evil, 0) end })
    ctx.emit(evil, { [evil] = evil }, { key = evil })
    ctx.emit("plain.type", { text = evil })
    ctx.memory.remember{ kind = "note", key = evil, text = "refund " .. evil, value = { [evil] = evil }, tags = { evil } }
    ctx.memory.remember{ kind = "odd" .. evil, text = "refund again " .. evil }
    ctx.memory.search{ query = "refund " .. evil }
    ctx.records.put{ type = "thing", key = evil, value = { [evil] = evil, text = evil } }
    ctx.records.put{ type = "thing" .. evil, key = "k", value = { list = { evil } } }
    ctx.log(evil)
    ctx.patch(evil)
    pcall(ctx.sleep, evil)
    pcall(ctx.call, "none" .. evil, {})
    return { [evil] = evil, list = { evil, { [evil] = 1 } }, err = err }]], "about = " .. q .. ","),
  asks = home.agent(("local evil = %s\n"):format(q) .. [[
    return ctx.approve{ subject = evil, proposal = { [evil] = evil, text = "a\n" .. evil }, risk = evil, within = "4h", otherwise = "hold" }]]),
  raises = home.agent(("error(%s)"):format(q)),
  raises_table = home.agent(("error({ code = %s, message = %s })"):format(q, q)),
  raises_place = home.agent(("error(%s .. ':12: ' .. %s, 0)"):format(q, q)),
  raises_bytes = home.agent("error('bad \\xff\\xfe \\x9b31m \\xed\\xa0\\x80')"),
  name_of_file = home.agent("return ctx.call('busy', {})"),
  broken_field = ("return agent { version = 1, [%s] = 1, run = function() end }"):format(q),
  broken_raise = ("error(%s)"):format(q),
  broken_syntax = "return agent { version = 1, run = function() local x = 'a\27[2J\155' y z end }",
  takes = home.agent("return 1", ("input = { type = 'object', required = { %s } },"):format(q)),
}

describe("hostile names", function()
  local h, runs

  setup(function()
    h = home.make { agents = agents }
    h:write("inbox/notes/plain.md", "text")
    for name in pairs(agents) do keel { "run", name, "--home", h.path, "--json" } end
    runs = assert(json.decode(keel { "runs", "--home", h.path, "--json" }.out))
  end)

  teardown(function() h:remove() end)

  local function says(words, tabs)
    for _, more in ipairs { {}, { "--json" }, { "--no-color" } } do
      local line = { table.unpack(words) }
      table.insert(line, "--home")
      table.insert(line, h.path)
      for _, word in ipairs(more) do table.insert(line, word) end
      for _, env in ipairs { "", "COLUMNS=40" } do
        local r = keel(line, { env = env })
        for _, part in ipairs { "out", "err" } do
          local why = forged(r[part], tabs)
          assert.is_nil(why, why and ("%s: %s"):format(table.concat(line, " "), why))
        end
      end
    end
  end

  it("were taken: the store holds them", function()
    local states = {}
    for _, run in ipairs(runs) do states[run.agent] = run.state end
    assert.equal("done", states.busy)
    assert.equal("waiting", states.asks)
    for _, name in ipairs { "raises", "raises_table", "raises_place", "raises_bytes" } do assert.equal("failed", states[name]) end
    assert.not_nil(forged(evil))
  end)

  it("forge nothing in keel run", function()
    for name in pairs(agents) do says { "run", name } end
    says { "run", "busy", "--follow" }
    says { "run", evil }
  end)

  it("forge nothing in keel runs, show and fork", function()
    says { "runs" }
    says { "runs", "--text", "keel" }
    says { "runs", "--agent", evil }
    for _, run in ipairs(runs) do
      says { "show", run.run }
      says { "show", run.run, "--full" }
    end
    says { "show", evil }
    says { "fork", runs[1].run, "--at", "1", "--note", evil }
  end)

  it("forge nothing in keel inbox and decisions", function()
    says { "inbox" }
    local item = assert(json.decode(keel { "inbox", "--home", h.path, "--json" }.out))[1]
    says { "approve", item.id, "--note", evil }
    says { "reject", evil }
  end)

  it("forge nothing in keel events", function()
    says { "emit", evil, json.encode { [evil] = evil }, "--key", "new" .. evil }
    says { "events" }
    says { "events", "--type", evil }
    for _, event in ipairs(assert(json.decode(keel { "events", "--home", h.path, "--json" }.out))) do
      says { "events", "show", event.id }
    end
  end)

  it("forge nothing in keel memory", function()
    for _, ns in ipairs { "busy", "agent/busy", evil } do
      says { "memory", "search", "--ns", ns, "refund" }
      says { "memory", "history", "--ns", ns, "--kind", "note", evil }
      says { "memory", "get", "--ns", ns, "--kind", "note", evil }
      says { "memory", "export", "--ns", ns }
    end
    says { "memory", "stats" }
    local lines = file.join(h.path, "lines.jsonl")
    assert(file.write(lines, json.encode { id = "a" .. evil, text = "what was imported " .. evil } .. "\n"))
    says { "memory", "import", "--ns", "in", lines }
    says { "memory", "search", "--ns", "in", "imported" }
    assert(file.write(lines, json.encode { id = "q" .. evil, ns = "in", text = "imported" } .. "\n"))
    says({ "memory", "search", "--batch", lines, "--k", "3" }, true)
  end)

  it("forge nothing in keel records, agents and schedules", function()
    says { "records" }
    says { "records", "thing" }
    says { "records", "thing", evil }
    says { "records", "thing" .. evil }
    says { "agents" }
    for name in pairs(agents) do says { "agents", name } end
    says { "schedule" }
    says { "schedule", "next", evil }
  end)

  it("forge nothing where a replay differs", function()
    local run
    for _, r in ipairs(runs) do run = r.agent == "busy" and r or run end
    assert.truthy(run)
    says { "replay", run.run }
    local other = file.join(h.path, "other.lua")
    assert(file.write(other, home.agent(("ctx.step{ name = 'other' .. %s, args = { %s }, run = function() end }"):format(q, q))))
    says { "replay", run.run, "--with", other }
  end)

  it("forge nothing in keel sandbox", function()
    local script = file.join(h.path, "script.lua")
    for _, source in ipairs { "print(%s)", "error(%s)", "error({ message = %s })", "return { [%s] = %s }", "return { { %s, print } }",
      "return { [%s] = print }", "local t = setmetatable({}, { __name = %s }) return t + 1", "x = %s x()" , "error(%s, 0)" } do
      assert(file.write(script, (source:gsub("%%s", (q:gsub("%%", "%%%%"))))))
      says { "sandbox", script }
    end
    local odd = file.join(h.path, "odd\27[2J\r\nname.lua")
    assert(file.write(odd, "error('x')"))
    says { "sandbox", odd }
    says { "sandbox", odd .. "none" }
    assert(file.write(script, "x = = \27[2J\155 '\226\128\174"))
    says { "sandbox", script }
  end)
end)

describe("hostile names in the log of keel serve", function()
  it("forge nothing: broken agents, files that come in, runs that take another way", function()
    local h = home.make { agents = { steady = home.agent("ctx.step{ name = 'a', run = function() end }\nctx.sleep('1h')"),
      loud = home.agent(("ctx.log(%s)\nctx.step{ name = 'b' .. %s, run = function() end }\nctx.sleep('1h')"):format(q, q)) },
      config = [[return { zone = "UTC", owner = "Mira", inbox = { ["file.created"] = "inbox/notes", ["mail.received"] = "inbox/mail" } }]] }
    finally(function() h:remove() end)
    h:write("agents/broken.lua", agents.broken_field)
    h:write("inbox/notes/early\27[2J\r\nkeel: all is well.md", "\255\27[2J")
    local s = assert(server.start(h))
    finally(function() s:stop() h:remove() end)
    for _, name in ipairs { "steady", "loud" } do s:json("run " .. name) end
    h:write("agents/broken_raise.lua", agents.broken_raise)
    h:write("agents/broken_syntax.lua", agents.broken_syntax)
    s:said "broken_syntax"
    h:write("agents/loud.lua", home.agent(("ctx.step{ name = 'c' .. %s, run = function() end }"):format(q)))
    s:said "stays as it began"
    h:write("inbox/notes/bytes\27[2J\r\nkeel: all is well.md", "\255")
    s:said "bytes"
    h:write("inbox/mail/m\27[2J\155\255\r\nkeel: all is well.eml", "no header at all \27[2J")
    h:write("inbox/notes/name\255\155\27[2J.md", "text that is fine")
    h:write("agents/end_of_test.lua", "return agent { version = 'x' }")
    s:said "end_of_test"
    for _, words in ipairs { "runs", "runs --json", "events", "events --json", "agents", "inbox" } do
      local out, err = s:keel(words)
      assert.is_nil(forged(out))
      assert.is_nil(forged(err))
    end
    local why = forged(s:messages())
    assert.is_nil(why, why and why .. "\n" .. s:messages())
    assert.is_nil(s:messages():find("internal error", 1, true), s:messages())
  end)
end)
