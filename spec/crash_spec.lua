-- A small `make crash`: the main job under kill -9, at moments and at places.
local lab = require "spec.crash.lab"

describe("the engine, killed", function()
  local homes

  before_each(function() homes = {} end)
  after_each(function()
    for _, home in ipairs(homes) do lab.remove(home) end
  end)

  local function scratch()
    homes[#homes + 1] = lab.scratch()
    return homes[#homes]
  end

  it("ends the main job with the same records, memory and outbox as undisturbed", function()
    local reference = lab.reference()
    assert.equal(8, #reference.state.runs)
    assert.equal(1, #reference.state.outbox)
    math.randomseed(20261124)
    for _ = 1, 5 do
      local home = scratch()
      for _ = 1, 2 do lab.keel(home, lab.demo, { kill = math.random() * reference.seconds }) end
      assert.same({}, lab.judge(home, reference))
    end
    if not reference.calls then return pending(select(2, lab.shim())) end
    for i, fault in ipairs { "kill", "tear", "kill", "full", "io", "tear" } do
      local home = scratch()
      lab.keel(home, lab.demo, { fault = fault .. ":" .. reference.calls * i // 7 })
      assert.same({}, lab.judge(home, reference))
    end
  end)

  -- Every `stride`th place between the decision and the end of the run.
  local function approved_under(fault, stride)
    if not lab.shim() then return pending(select(2, lab.shim())) end
    local hits = 0
    lab.approved(fault, stride, 1, function(home, place, done, complaints)
      homes[#homes + 1] = home
      assert.same({}, complaints, place)
      if done.code ~= 0 then hits = hits + 1 end
    end)
    assert.is_true(hits > 3)
  end

  it("keeps a decision and sends once, wherever it dies after the decision", function()
    approved_under("kill", 8)
  end)

  it("keeps a decision and sends once, wherever the disk is full after the decision", function()
    approved_under("full", 12)
  end)

  it("keeps `keel serve` to the same promise", function()
    local reference = lab.reference()
    math.randomseed(7)
    for _ = 1, 2 do
      local home = scratch()
      assert(require("demo").prepare(".", home, false))
      lab.serve_for(home, math.random() * reference.seconds * 2, "engine")
      lab.serve_for(home, math.random() * reference.seconds * 2, "both")
      assert.same({}, lab.judge(home, reference))
    end
  end)
end)
