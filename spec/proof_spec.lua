-- Small samples of `make crash`, `crash-points`, `powerloss` and `diskfull`: the same code,
-- always the same dice.
local file = require "file"
local json = require "json"
local diskfull = require "spec.crash.diskfull"
local lab = require "spec.crash.lab"
local points = require "spec.crash.points"
local powerloss = require "spec.powerloss.run"
local storm = require "spec.crash.storm"

describe("the promise", function()
  it("holds under kill -9 of a served engine with effects on a ledger outside", function()
    local self = storm.run { kills = 10, seed = 3, runs = 16, width = 12 }
    local complaints, figures = storm.judge(self)
    assert.same({}, complaints)
    assert.is_true(self.kills >= 10 and figures.effects.blind == self.n and figures.effects.keyed == 2 * self.n)

    -- and the books show it when it does not
    local entry = storm.books(self.ledger.file)[1]
    assert(file.append_sync(self.ledger.file, json.encode(entry)))
    complaints, figures = storm.judge(self)
    assert.equal(1, #complaints)
    assert.equal(1, figures.duplicates)
    lab.remove(self.home)
    os.remove(self.ledger.file)
  end)

  it("holds wherever the engine dies around an effect that nobody can be asked for", function()
    local all = {}
    local m = points.run { stride = 2, deep = 1, seed = 5, only = "blind", each = function(name, what, complaints)
      if #complaints > 0 then all[#all + 1] = ("%s at %s: %s"):format(name, what, complaints[1]) end
    end }
    assert.same({}, all)
    assert.is_true(m.passed > 10)
  end)

  describe("when the power goes", function()
    local calls, root

    setup(function()
      if powerloss.recorder() then calls, root = powerloss.record(3) end
    end)

    it("holds at points of everything that was written", function()
      if not calls then return pending(select(2, powerloss.recorder())) end
      powerloss.play(calls, root, 30, 7, function(at, complaints) assert.same({}, complaints, "at call " .. at) end)
    end)

    it("is seen broken when nothing was synced", function()
      if not calls then return pending(select(2, powerloss.recorder())) end
      local careless, broken = {}, 0
      for _, call in ipairs(calls) do
        if call.op ~= "S" then careless[#careless + 1] = call end
      end
      powerloss.play(careless, root, 10, 7, function(_, complaints)
        if #complaints > 0 then
          broken = broken + 1
          lab.remove(complaints.home)
        end
      end)
      assert.is_true(broken > 0) -- which ones is chance: about six of ten
    end)
  end)

  for _, kind in ipairs { "full", "sync" } do
    it(("holds on a disk that goes bad (%s): it refuses, reads on, and goes on when it is well"):format(kind), function()
      if not lab.shim() then return pending(select(2, lab.shim())) end
      local how, complaints = diskfull.play(kind, diskfull.calls() // 2)
      assert.same({}, complaints)
      assert.equal("went bad", how)
    end)
  end
end)
