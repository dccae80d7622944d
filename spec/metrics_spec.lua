-- /metrics is what Prometheus' text format 0.0.4 allows, and says what the ledger says.
local home = require "spec.support.home"
local metrics = require "observe.metrics"

describe("metrics", function()
  local h
  after_each(function() h:remove() end)

  it("are well formed, each name told once, with money to the pico-USD", function()
    h = home.make { agents = { asker = home.agent "return ctx.model{ tier = 'small', prompt = 'hello', max_tokens = 20 }" },
      config = [[return { zone = "UTC", budget = { day = "$1.00" },
        tiers = { small = { { provider = "echo", model = 'e"1', price = { input = 1, output = 2 } } } } }]] }
    local e = h:open()
    assert.equal("done", h:run("asker").state)
    local text = metrics.text(e)
    local types, helps, seen = {}, {}, {}
    assert.equal("\n", text:sub(-1))
    for line in text:gmatch "([^\n]*)\n" do
      local what, name, rest = line:match "^# (%u+) ([%a_][%w_]*) (.+)$"
      if what == "TYPE" then
        assert.is_nil(types[name])
        types[name] = rest
      elseif what == "HELP" then
        assert.is_nil(helps[name])
        helps[name] = rest
      else
        local series, value = line:match "^(%S.*) (%S+)$"
        assert.truthy(series and tonumber(value), line)
        assert.is_nil(seen[series])
        seen[series] = value
        local base = series:match "^[%a_][%w_]*"
        local plain = base:gsub("_bucket$", ""):gsub("_sum$", ""):gsub("_count$", "")
        assert.truthy(types[base] or types[plain] == "histogram", line)
        assert.truthy(helps[base] or helps[plain], line)
        if series:find("{", 1, true) then
          local left = series:match "{(.*)}$" .. ","
          left = left:gsub('\\.', ""):gsub('[%a_][%w_]*="[^"]*",', "")
          assert.equal("", left)
        end
      end
    end
    assert.equal("1", seen['keel_runs_total{agent="asker",outcome="done"}'])
    local row = e.store:read("ledger.list", { since = 0, limit = 1 })[1]
    assert.equal(tostring(row.cost), seen[('keel_model_cost_picousd_total{agent="asker",model="e\\"1",provider="%s"}'):format(row.provider)])
  end)
end)
