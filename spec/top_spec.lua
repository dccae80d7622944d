-- What goes on now, on one page.
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"

describe("keel top", function()
  local h
  after_each(function() h:remove() end)

  it("shows what waits, what is spent and what is open, once where there is no terminal", function()
    h = home.make { agents = { asks = home.agent 'return ctx.approve{ subject = "s", proposal = 1 }.outcome', good = home.agent "return 1",
      bad = home.agent 'error "no"' }, config = 'return { zone = "UTC", budget = { day = "$2.00" } }' }
    h.now = require("core.clock").now_ms()
    local e = h:open()
    for _, name in ipairs { "asks", "good", "bad" } do h:run(name) end
    assert(e:disable_agent("bad", {}))
    e:close()
    local shot = json.decode(keel({ "top", "--json", "--home", h.path }).out)
    assert.same({ 1, 1, 1, 1, "0", "2000000000000", "off", "asks" }, { shot.waiting, shot.open, shot.done_today, shot.failed_today,
      shot.spent_today_picousd, shot.day_limit_picousd, shot.stopped.bad, shot.runs[1].agent })
    local page = keel({ "top", "--home", h.path }).out
    for _, text in ipairs { "1 decision waits for you", "$0 of $2.00", "1 open, 0 at work; today 1 done, 1 not", "agent bad is off", "waits: approval" } do
      assert.match(text, page, 1, true)
    end
    assert.is_nil(page:find "\27")
  end)
end)
