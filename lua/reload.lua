--- What is saved becomes what new runs use: agents, skills and config.lua, while an
--- engine goes on.
--
--   local r = assert(reload.open(e, { say = fn(err), note = fn(text), on_published = fn(list) }))
--   r:close()
--
-- A file is read when its writer closed it or moved it there and it lay still; what is
-- read while somebody writes is thrown away (the kernel's news, asked for once more after
-- reading, tell). What changed is compiled, checked against all that is there, and a
-- skill's examples are run; then one new library takes the place of the old one. A save
-- that is broken changes nothing but what is said. Runs keep the version they began with.
local clock = require "core.clock"
local core = require "core.watch"
local digest = require "core.digest"
local errors = require "errors"
local examples = require "reload.examples"
local file = require "file"
local library = require "library"
local loop = require "loop"
local settings = require "settings"
local view = require "view"
local watching = require "reload.watching"

local reload = {}
reload.__index = reload

--- A file is read when it lay still for so long; one that never does, when this has passed
--- since its first change.
local still_us, longest_us = 25000, 1000000

--- Where no news come (network drives), a look at everything each so often.
local look_ms = 5000

--- How long the runs in flight may be tried against a save.
local gate_ms = 500

-- ---- what is to be read ---------------------------------------------------------------

local function state_of(self, name)
  local f = self.files[name]
  if not f then
    f = { turn = 0 }
    self.files[name] = f
  end
  return f
end

local take_soon

--- Somebody is writing it: what is there now is nothing to read.
local function being_written(self, name)
  local f = state_of(self, name)
  f.writing, f.turn = true, f.turn + 1
end

--- It is whole, or gone: it will be read when it lies still.
local function changed(self, name)
  local f, now = state_of(self, name), clock.mono_us()
  f.writing, f.turn = false, f.turn + 1
  f.since = f.since or now
  f.due = math.min(now + still_us, f.since + longest_us)
  take_soon(self)
end

--- The text of a file as it was when it lay still: text | false (gone) | nil (somebody
--- writes: its close will come).
local function read_whole(self, name)
  local f = state_of(self, name)
  for _ = 1, 3 do
    local turn = f.turn
    local text, _, code = file.read(file.join(self.home, name))
    self.watch:news()
    if f.writing then return nil end
    if f.turn == turn then
      f.due, f.since = nil, nil
      if text then return text end
      if code == "not_found" then return false end
      return nil, code
    end
  end
  return nil -- it changed again, and is due again
end

--- Names that are due, in order.
local function due_names(self)
  local now, names = clock.mono_us(), {}
  for name, f in pairs(self.files) do
    if f.due and f.due <= now and not f.writing then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- The texts of what is due and whole: name -> text or false.
local function take(self)
  local texts, any = {}, false
  self.saved_at = nil
  for _, name in ipairs(due_names(self)) do
    self.saved_at = math.min(self.saved_at or math.maxinteger, state_of(self, name).since)
    local text, code = read_whole(self, name)
    if code then
      state_of(self, name).due = nil
      self.options.say(errors.new("K1009", { name = name, file = name, detail = code }))
    elseif text ~= nil then
      texts[name], any = text, true
    end
  end
  return any and texts or nil
end

-- ---- from texts to a library ---------------------------------------------------------------

--- Of what is whole only what is another text than the one that is known.
local function only_new(self, texts)
  local out, any = {}, false
  for name, text in pairs(texts) do
    local entry = self.engine.library.entries[name]
    local known = entry and entry.source and entry.source.hash
    local same = text and known == digest.sha256(text) or text == false and not entry
    if not same and name ~= "config.lua" then out[name], any = text, true end
  end
  return any and out or nil
end

--- What a broken save keeps: the version that worked.
local function keep_good(new, old)
  for _, kind in ipairs { "agents", "skills" } do
    for name, one in pairs(old[kind]) do
      if new.broken[kind:sub(1, -2) .. "/" .. name] and not new[kind][name] then new[kind][name] = one end
    end
  end
  return new
end

local function pause() loop.sleep(0) end

--- A library with the new texts in it whose skills keep what their examples say.
local function candidate(self, texts)
  local old, refused = self.engine.library, self.refused
  local function refusal(source)
    local one = refused[source.file]
    return one and one.hash == source.hash and one.err or nil
  end
  local files = {}
  for name in pairs(texts) do files[name] = true end
  examples.try_again(refused, files)
  local from, fresh = old, texts
  while true do
    local new = library.load(self.home, self.engine.settings.adapters, pause, { old = from, texts = fresh, refused = refusal })
    from, fresh = new, {} -- what was played once need not be again
    keep_good(new, old)
    local file_name, err = examples.first_broken(new, old, files, self.engine.settings.zone, pause)
    if not file_name then return new end
    refused[file_name] = { hash = new.entries[file_name].source.hash, err = err }
  end
end

-- ---- publishing --------------------------------------------------------------------------------

local function item(file_name, what, one, was)
  return { file = file_name, what = what, version = one and one.manifest.version, hash = one and one.hash, was = was and was.hash }
end

--- What is another in the new library: a list of items, in the order of files.
local function changes(new, old)
  local list = {}
  for _, kind in ipairs { "agents", "skills" } do
    for name, one in pairs(new[kind]) do
      local was = old[kind][name]
      if not was or was.hash ~= one.hash then list[#list + 1] = item(one.file, was and "changed" or "new", one, was) end
    end
    for name, was in pairs(old[kind]) do
      if not new[kind][name] then list[#list + 1] = item(was.file, "gone", nil, was) end
    end
  end
  table.sort(list, function(a, b) return a.file < b.file end)
  return list
end

local function told_of(one)
  if one.what == "gone" then return "loaded " .. one.file .. " (gone)" end
  return ("loaded %s%s %s"):format(one.file, one.version and "@" .. one.version or "", one.hash:sub(1, 12))
end

--- A publication is a row of the audit trail.
local function record(self, list)
  local e = self.engine
  local tx, now = e.store:tx(), e.clock()
  for _, one in ipairs(list) do
    tx:add("audit.put", { now = now, who = "reload", what = one.what == "gone" and "withdraw" or "publish", subject = one.file,
      detail_codec = { version = one.version, hash = one.hash, was = one.was } })
    self.published[one.file] = one.hash and { hash = one.hash, at = now } or nil
  end
  e:task(function() e:commit(tx) end)
end

--- Errors that were not said of this very text; and what is not wrong any more.
local function say_problems(self, new, texts)
  local wrong = {}
  for _, err in ipairs(new.problems) do
    local name, text = err.file or "?", tostring(err)
    wrong[name] = true
    if self.wrong[name] ~= text or texts[name] ~= nil then self.options.say(err) end
    self.wrong[name] = text
  end
  for name in pairs(self.wrong) do
    if not wrong[name] and name ~= "config.lua" then
      self.wrong[name] = nil
      local entry = new.entries[name]
      if entry and texts[name] and self.hashes[name] == entry.source.hash then
        self.options.note(name .. " is again what is used")
      end
    end
  end
end

local function publish(self, new, texts)
  local e, old = self.engine, self.engine.library
  local list = changes(new, old)
  say_problems(self, new, texts)
  e.library = new
  for _, one in ipairs(list) do
    self.hashes[one.file] = one.hash
    self.options.note(told_of(one))
  end
  if #list > 0 then record(self, list) end
  return list
end

-- ---- runs in flight ------------------------------------------------------------------------------

--- How the runs in flight of these agents would fare on what was saved.
local function tell_of_runs(self, agents)
  local e, stay, move, more = self.engine, 0, 0, 0
  local till = clock.mono_us() + gate_ms * 1000
  for _, row in ipairs(e:behind(agents)) do
    local told = clock.mono_us() < till and not self.closed and e:gate(row.run)
    if not told then
      more = more + 1
    elseif told.compatible then
      move = move + 1
    else
      stay = stay + 1
      if stay <= 3 then
        self.options.note(("run %s of %s stays as it began: at step %s it had %s, now %s"):format(told.run, told.agent,
          tostring(told.at), view.place(told.recorded), view.place(told.new)))
      end
    end
    loop.sleep(0)
  end
  if stay + move + more == 0 then return end
  self.options.note(("%d of the runs in flight on earlier code could go on with the present one (keel runs move), %d would take another way%s")
    :format(move, stay, more > 0 and (", %d were not tried"):format(more) or ""))
end

--- The agents whose code is another now: those that changed, and those that reach a skill
--- that did.
local function agents_of(list, e)
  local skills, agents = {}, {}
  for _, one in ipairs(list) do
    local kind, name = one.file:match "^(%a+)/([%w_]+)%.lua$"
    if kind == "skills" then skills[name] = true elseif kind == "agents" then agents[name] = true end
  end
  for name, agent in pairs(e.library.agents) do
    for skill in pairs(e.library:reach(agent)) do
      if skills[skill] then agents[name] = true end
    end
  end
  return agents
end

-- ---- config.lua -------------------------------------------------------------------------------------

local function same(a, b)
  local json = require "json"
  return json.pack(a) == json.pack(b)
end

--- Take new settings: for new runs, and for what running ones ask for next. Returns the
--- item that was published, or nil.
local function take_config(self, text)
  local e = self.engine
  local hash = text and digest.sha256(text)
  if hash == self.hashes["config.lua"] then
    if self.wrong["config.lua"] then self.options.note "config.lua is again what is used" end
    self.wrong["config.lua"] = nil
    return nil
  end
  local config, err
  if text then config, err = settings.from_source(text, "config.lua", e.options.getenv) end
  if not config then
    err = err or errors.new("K2001", { name = self.home, file = "config.lua" })
    self.wrong["config.lua"] = tostring(err)
    self.options.say(err)
    return nil
  end
  local old = e.settings
  config.home = old.home
  if e.options.adapt then e.options.adapt(config) end
  e.settings, self.wrong["config.lua"] = config, nil
  local one = { file = "config.lua", what = "changed", hash = hash, was = self.hashes["config.lua"] }
  self.hashes["config.lua"] = hash
  self.options.note(told_of(one))
  for _, warning in ipairs(config.warnings) do self.options.note("config.lua: " .. warning) end
  if not same(old.http.listen, config.http.listen) then
    self.options.note("config.lua: http.listen is used when the engine is started again")
  end
  if self.options.on_config then self.options.on_config(old, config) end
  return one
end

-- ---- one load after the other ---------------------------------------------------------------------------

local function after_publishing(self, list)
  local e = self.engine
  e:admit() -- other triggers, other limits
  e:task(function()
    local ok, err = e:sync_schedules()
    if not ok and not e.failed then self.options.say(err) end
  end)
  if self.options.on_published then self.options.on_published(list) end
  local agents = agents_of(list, e)
  if next(agents) ~= nil then e:task(function() tell_of_runs(self, agents) end) end
end

local function load_due(self)
  local all = take(self)
  if not all then return end
  local list = { saved_at = self.saved_at }
  if all["config.lua"] ~= nil then list[1] = take_config(self, all["config.lua"]) end
  local texts = only_new(self, all)
  if texts or list[1] then
    local new = candidate(self, texts or {})
    if self.closed then return end
    for _, one in ipairs(publish(self, new, texts or {})) do list[#list + 1] = one end
    if list[1] and list[1].file == "config.lua" then record(self, { list[1] }) end
  end
  for name in pairs(all) do -- saved again as it was: what was wrong with it is wrong still
    if self.wrong[name] and not (texts and texts[name] ~= nil) and name ~= "config.lua" then
      local err = self.engine.library:problem_of(name)
      if err then self.options.say(err) end
    end
  end
  if #list > 0 then after_publishing(self, list) end
end

--- Load what is due, and what became due meanwhile.
local function work(self)
  if self.at_work or self.closed then return end
  self.at_work = true
  self.engine:task(function()
    local ok, trace = xpcall(load_due, debug.traceback, self)
    self.at_work = false
    if not ok then self.engine:complain(trace) end
    take_soon(self)
  end)
end

--- Set the alarm for the next file that will have lain still.
function take_soon(self)
  if self.closed or self.at_work then return end
  local first
  for _, f in pairs(self.files) do
    if f.due and not f.writing then first = math.min(first or math.maxinteger, f.due) end
  end
  if self.alarm then self.alarm:stop() end
  self.alarm = first and loop.timer(math.max(0, (first - clock.mono_us()) / 1000), function()
    self.alarm = nil
    work(self)
  end) or nil
end

-- ---- the face -------------------------------------------------------------------------------------------

--- Watch the home of an engine. options: say(err), note(text); on_published(list of { file,
--- what = "changed" | "new" | "gone", version, hash, was }, with saved_at, the time of the first
--- news of them by core.clock.mono_us), on_config(old, new), both optional. Returns the watch, or nil, err.
function reload.open(e, options)
  local self = setmetatable({ engine = e, home = e.home, options = options, files = {}, refused = {}, wrong = {}, hashes = {},
    published = {} }, reload)
  local told = { changed = function(name) changed(self, name) end, writing = function(name) being_written(self, name) end }
  local message, code
  self.watch, message, code = core.open(function(...) self.watching:told(...) end)
  if not self.watch then return nil, errors.from(message, code) end
  for _, kind in ipairs { "agents", "skills" } do
    for _, one in pairs(e.library[kind]) do self.hashes[one.file] = one.hash end
  end
  for _, err in ipairs(e.library.problems) do self.wrong[err.file or "?"] = tostring(err) end
  self.hashes["config.lua"] = e.settings.hash
  self.watching = watching.new(self.home, self.watch, told)
  self.watching:arm()
  self.looking = loop.timer(look_ms, function() self.watching:look() end, look_ms)
  e.reload = self
  return self
end

--- What is published of a file: { hash, at (ms) }, or nil when it is as at the start.
function reload:publication(name) return self.published[name] end

function reload:close()
  self.closed = true
  if self.alarm then self.alarm:stop() end
  self.looking:stop()
  self.watch:close()
  if self.engine.reload == self then self.engine.reload = nil end
end

return reload
