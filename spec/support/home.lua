-- A scratch home: a folder with config.lua, agents and skills, gone after the test.
local engine = require "engine"
local file = require "file"
local json = require "json"

local home = {}
home.__index = home

--- The source of an agent: the body of its run, and more fields of its manifest. The
--- body begins on line 3.
function home.agent(body, extra)
  return ("return agent { version = 1, %s\n run = function(ctx, input)\n%s\n end }"):format(extra or "", body)
end

--- agents and skills: name -> source text. config: the text of config.lua.
function home.make(parts)
  local path = os.tmpname()
  os.remove(path)
  local self = setmetatable({ path = path, now = 1772442000000 }, home)
  for _, folder in ipairs { "agents", "skills", "var", "inbox/mail", "inbox/notes" } do
    assert(file.mkdir(file.join(path, folder)))
  end
  self:write("config.lua", parts.config or 'return { zone = "UTC", owner = "Mira" }')
  for name, text in pairs(parts.agents or {}) do self:write("agents/" .. name .. ".lua", text) end
  for name, text in pairs(parts.skills or {}) do self:write("skills/" .. name .. ".lua", text) end
  return self
end

function home:write(name, text)
  assert(file.write(file.join(self.path, name), text))
end

function home:read(name)
  return file.read(file.join(self.path, name))
end

--- The engine of this home, on a clock that only the test moves.
function home:open(options)
  options = options or {}
  options.home = self.path
  options.clock = function() return self.now end
  options.getenv = function() end
  self.engine = assert(engine.open(options))
  return self.engine
end

--- Close and open again, as after a restart.
function home:reopen(options)
  self.engine:close()
  return self:open(options)
end

--- Start an agent and go on until nothing can; returns the run as described.
function home:run(agent, input)
  local run = assert(self.engine:start(agent, input or {}))
  assert(self.engine:drain())
  return self.engine:describe(run.run)
end

--- Time goes by: what is due is done.
function home:pass(ms)
  self.now = self.now + ms
  self.engine:fire()
  assert(self.engine:drain())
end

--- What reached the outbox, in its order.
function home:outbox()
  local list = {}
  for line in (self:read "var/outbox.jsonl" or ""):gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

--- The one question that waits for the owner.
function home:question(filter)
  local list = self.engine:inbox(filter or { all = true })
  assert(#list == 1, #list .. " questions wait")
  return list[1]
end

--- Answer it, and go on. decision = { state, value?, note?, ... }; returns what engine:decide does.
function home:answer(decision)
  local decided, err = self.engine:decide(self:question().id, decision)
  assert(self.engine:drain())
  return decided, err
end

function home:remove()
  if self.engine then self.engine:close() end
  os.execute("rm -rf '" .. self.path .. "'")
end

return home
