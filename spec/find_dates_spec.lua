--- The days that people name, in five languages, on the owner's clock.
local file = require "file"
local home = require "spec.support.home"

local function manifest()
  local env = setmetatable({ skill = function(m) return m end }, { __index = _G })
  return assert(loadfile("skills/find_dates.lua", "t", env))()
end

--- "text=date time" of all that is found, counted from Thursday, 5 March 2026.
local function found(text, base, offsets)
  local out = {}
  for i, one in ipairs(manifest()["local"]({ text = text, base = base or "2026-03-05" }, { now = "2026-03-05T16:10:00.000Z", offsets = offsets }).dates) do
    assert.equal(text:sub(one.start, one.finish), one.text)
    out[i] = one.text .. "=" .. one.date .. (one.time and " " .. one.time or "")
  end
  return table.concat(out, " | ")
end

describe("Days in a text are found", function()
  it("in Portuguese, where ordinals are days only behind what leads to a day", function()
    assert.equal("quarta-feira, 11 de março de 2026=2026-03-11", found "Pela segunda vez: a segunda versão fica para quarta-feira, 11 de março de 2026.")
    assert.equal("quinta da próxima semana=2026-03-12 | em 10 dias=2026-03-15 | há 3 dias=2026-03-02", found "quinta da próxima semana; em 10 dias; há 3 dias")
    assert.equal("5 de out às 10:00=2026-10-05 10:00 | 2ª feira=2026-03-09 | fim do mês=2026-03-31", found "5 de out às 10:00; 2ª feira; fim do mês")
    assert.equal("dia 15=2026-03-15 | dia 2=2026-04-02", found "No dia 15, ou no dia 2.")
  end)

  it("in Spanish, where a morning is no tomorrow", function()
    assert.equal("mañana=2026-03-06 | pasado mañana=2026-03-07 | lunes que viene=2026-03-09", found "mañana por la mañana, pasado mañana, el lunes que viene")
    assert.equal("miércoles 11 de marzo a las 3 de la tarde=2026-03-11 15:00 | lunes 9 a las 10=2026-03-09 10:00 | viernes pasado=2026-02-27",
      found "el miércoles 11 de marzo a las 3 de la tarde, lunes 9 a las 10, el viernes pasado")
  end)

  it("in French, with the signs of word processors", function()
    assert.equal("Aujourd’hui=2026-03-05 | après-demain=2026-03-07 | d’ici 10 jours=2026-03-15", found "Aujourd’hui, après-demain, d’ici 10 jours")
    assert.equal("2026-03-11 09:30", found("mercredi 11\u{A0}mars à 9\u{A0}h\u{A0}30"):match "=(.*)$")
  end)

  it("in German, where a greeting is no day", function()
    assert.equal("", found "Guten Morgen, Mira! Am Morgen ist es kalt.")
    assert.equal("Morgen=2026-03-06 | morgen=2026-03-06", found "Morgen schicke ich es. Ich komme morgen früh.")
    assert.equal("Mittwoch, den 11. März 2026=2026-03-11 | 13. März um 15 Uhr=2026-03-13 15:00 | Freitagabend=2026-03-06", found "Mittwoch, den 11. März 2026, am 13. März um 15 Uhr, Freitagabend")
  end)

  it("in English, but not where a word only looks like one", function()
    assert.equal("Monday week=2026-03-16 | next week Tuesday=2026-03-10 | the 15th=2026-03-15", found "Monday week, next week Tuesday, by the 15th")
    assert.equal("", found "It costs 13. April is nice. Marco 5, set 3, out 2 of 5. The 2nd version, on the 3rd floor, in 5 minutes. The sun sat.")
  end)
end)

describe("The day that relative words count from", function()
  local lisbon = { { from = "2025-10-26T01:00:00.000Z", min = 0 }, { from = "2026-03-29T01:00:00.000Z", min = 60 } }

  it("is the owner's, on both sides of a change of clocks", function()
    assert.equal("today=2026-03-28", found("today", "2026-03-28T23:30:00.000Z", lisbon))
    assert.equal("today=2026-03-31", found("today", "2026-03-30T23:30:00.000Z", lisbon))
    assert.equal("today=2026-03-04", found("today", "2026-03-05T02:30:00Z", { { from = "2025-11-02T09:00:00.000Z", min = -480 } }))
    assert.equal("today=2026-03-06", found("today", "2026-03-05T18:31:00Z", { { from = "2025-01-01T00:00:00.000Z", min = 330 } }))
  end)

  it("is the owner's in a run that hands no day over", function()
    local h = home.make { config = 'return { zone = "America/Los_Angeles", owner = "Mira" }',
      skills = { find_dates = assert(file.read "skills/find_dates.lua") },
      agents = { asks = home.agent([[ return { date = ctx.skill.find_dates { text = "tomorrow" }.dates[1].date } ]], 'uses = { "find_dates" },') } }
    finally(function() h:remove() end)
    h.now = 1772677800000 -- 2026-03-05T02:30:00Z, the evening of the 4th there
    h:open()
    assert.same({ date = "2026-03-05" }, h:run("asks").output)
  end)
end)
