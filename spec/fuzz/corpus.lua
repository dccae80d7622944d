--- What the fuzzers begin with: `build/keel lua spec/fuzz/corpus.lua FOLDER` writes
-- FOLDER/NAME/... for each target.
local file = require "file"
local json = require "json"

local folder = assert(arg[1], "usage: corpus.lua FOLDER")

local values = {
  json.null, true, false, 0, -1, 300, math.maxinteger, math.mininteger, 0.1, -0.0, 5e-324, 1e308, "", "a",
  "Ünï \0 \n \" \\ 😀", json.array {}, {}, { 1, 2.5, "x", json.array {}, {} }, { a = 1, b = { c = { json.null } } },
  { { { { { {} } } } } }, { key = ("long "):rep(30), list = { true, false, json.null } },
}

local texts = {
  "1e400", "123456789012345678901234567890", "-0", "1.0E+2", '"\\ud83d\\ude00\\u0000"', '"\\ud800"', '{"a":1,"a":2}',
  '{"\\u0000":1}', "[1,", "nul", " [ ] ", ("["):rep(101) .. ("]"):rep(101), '{"b":1,"a":{"":[]}}', "\xef\xbb\xbf{}", "[1]x",
}

local words = {
  "Café, it's 3.5 C++ — naïve", "don't we'll Kundenname", "日本語のテキスト", "Привет ΑΒΓ άέή", "\xff\xc3a\xe2\x82",
  ("x"):rep(100), "a\0b", "-5 1,000.00 e-mail@example.org",
}

--- Records as src/segment.h lays them out: a start, a step with both values, a result.
local records = {
  "\1\0\0\1\0\0\6start\0" .. ("h"):rep(16) .. "\0\0\2\0\0\4\5\1a",
  "\9\3\1\2\3\1\7step:s\0" .. ("h"):rep(16) .. "\x80\1\4\xff\xff\3\0\3\5\0\4\5\1a",
  "\x80\1\x80\1\5\4\2\0\0\0\0\2\0\0\0",
}

local crons = {
  "* * * * *", "*/15 0-6,22,23 ? JAN-MAR/2 MON-FRI", "0 9 1,15 * FRI-SUN", "30 2 29 2 *", "5/10 4 31 */5 7", "@yearly", "@x",
  "0 0 30 2 *", "60 * * * *", "0 0 L * *", "\t1  2 3 4 5 ",
}

local memories = {
  '0{"id":"a","text":"x y z","tags":["t"],"value":{"a":1},"time":"2023-05-08","ttl":"3d"}\n{"key":"k","text":"b"}', '0{"text":1}', "0[]", '0{"id":7,"text":"q","expires":"2030-01-01"}',
  "1---\ntitle: T\ntags: [a, b]\ndate: 2024-01-01\n---\n# H\ntext\n```\n# x\n```\n## I ##\nmore", "1# a\n# a\nb", "1---\n---\n", "2what colour is the logo of Ines",
  '2"logo" OR NEAR(green* -friday) AND ^x:', "2who came on 3 May 2023?", "3May 8, 2023", "31:56 pm on 8 May, 2023", "3two weeks ago", "3on the 3rd of June", "31700000000",
}

-- ---- for targets of a kind --------------------------------------------------

local made = {}

local function seed(target, bytes)
  if #bytes > 8192 then return end
  if not made[target] then assert(file.mkdir(file.join(folder, target))) end
  made[target] = (made[target] or 0) + 1
  assert(file.write(file.join(folder, target, "seed" .. made[target]), bytes))
end

--- Texts of the files that a command lists.
local function texts_of(command)
  local list = {}
  local pipe = assert(io.popen(command))
  for path in pipe:lines() do list[#list + 1] = file.read(path) end
  pipe:close()
  return list
end

--- Choices of all kinds, the same ones every time.
local function choices(target, count, most)
  math.randomseed(4)
  for _ = 1, count do
    local bytes = {}
    for i = 1, math.random(20, most) do bytes[i] = string.char(math.random(0, 254)) end
    seed(target, table.concat(bytes))
  end
end

for i, value in ipairs(values) do
  seed("codec", (json.pack(value)))
  seed("border", "\0" .. json.pack(value))
  seed("json", (json.encode(value)))
  seed("schema", "\0" .. string.char(i % 2) .. "\0" .. json.encode { const = value, type = "object", not_known = value })
end
for _, text in ipairs(texts) do seed("json", text) end
for _, text in ipairs(records) do seed("segment", "\0" .. text) end
seed("segment", "\0" .. table.concat(records))
-- stored, not compressed: zlib's head, our dictionary's id, one block, the sum
seed("segment", "\1K\1\0\x78\xbb\0\0\0\0\1\0\0\xff\xff\0\0\0\1")
for _, text in ipairs(words) do seed("token", text) end
for _, text in ipairs(crons) do seed("cron", text) end
for _, text in ipairs(memories) do seed("memory", text) end

for _, target in ipairs { "lib", "program", "border", "manifest", "schema", "where", "options", "regex", "settings", "dialects" } do
  choices(target, 60, 600)
end

for _, text in ipairs(texts_of "find spec/sandbox -name '*.lua'") do seed("program", "\255\0" .. text) end
for kind, name in ipairs { "agents", "skills" } do
  for _, text in ipairs(texts_of("ls " .. name .. "/*.lua")) do
    seed("manifest", "\0" .. string.char(kind - 1) .. text)
    seed("luasource", "\2\1\4" .. text)
    seed("lint", string.char(kind - 1) .. text)
  end
end
for _, text in ipairs(texts_of "ls config.lua spec/data/*.lua spec/*/config.lua 2>/dev/null") do seed("settings", "\0" .. text) end
for _, text in ipairs(texts_of "find spec -name '*.eml'") do seed("mime", text) end
for _, name in ipairs { "Europe/Lisbon", "UTC", "Asia/Kolkata", "America/Sao_Paulo", "Pacific/Chatham" } do
  for _, text in ipairs(texts_of("ls /usr/share/zoneinfo/" .. name)) do seed("zone", "\0\2\0" .. text) end
end
for _, rule in ipairs { "WET0WEST,M3.5.0/1,M10.5.0", "<-03>3", "EST5EDT,J60/2,300/-25:30", "IST-1GMT0,M10.5.0,M3.5.0/1" } do
  seed("zone", "\1\2\0" .. rule)
end

--- Calendars: every rule that spec/calendar_spec.lua knows, and what else an event may have.
local function calendar(more) return "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\n" .. more .. "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n" end
for line in (file.read "spec/data/calendar_rules.txt"):gmatch "[^\n]+" do
  local start, rule = line:match "^(%S+) (%S+)"
  seed("ical", calendar("DTSTART;TZID=Europe/Lisbon:" .. start .. "\r\nDURATION:PT90M\r\nRRULE:" .. rule))
end
for _, more in ipairs { "DTSTART;VALUE=DATE:20260305\r\nDTEND;VALUE=DATE:20260307\r\nSUMMARY:A\\, b\r\n c\r\nRDATE;VALUE=DATE:20260401,20260402\r\nEXDATE;VALUE=DATE:20260305",
  "RECURRENCE-ID;RANGE=THISANDFUTURE:20260304T090000Z\r\nDTSTART;TZID=\"W. Europe Standard Time\":20260304T150000\r\nSTATUS:CANCELLED\r\nBEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM" } do
  seed("ical", calendar(more))
end

local streams = { "data: a\ndata: b\n\nevent: x\nid: 7\ndata\n\n", "\xef\xbb\xbf:c\r\rdata:1\r\n\r\n", '{"a":1}\n[2]\r\n\n"x"' }
for _, text in ipairs(streams) do for make = 0, 1 do seed("streams", string.char(make) .. "\3\1\4\2" .. text) end end
local small = { { "1h30m", "500ms", "2d" }, { "30/min", "5/run" }, { "32 MB", "1.5 GiB" }, { "$1.50", "0.000001 USD" }, { "1500000" },
  { "2026-01-01T01:00:00.5+01:00", "0000-01-01T00:00:00Z" }, { "mail.*", "*a*b*" } }
for kind, list in ipairs(small) do
  for _, text in ipairs(list) do seed("words", string.char(kind - 1, #text) .. text .. "\8mail.abc") end
end

local get = "GET /a%20b?x=1&y HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\r\n"
local post = "POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
local chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
for _, text in ipairs { get, post, chunked, get .. post, "x y z\r\n\r\n" } do seed("wire", "\0" .. text) end
for _, text in ipairs { "one\ntwo\n\nrest", ("x"):rep(201) .. "\n", ("x"):rep(200) .. "\n" } do seed("wire", "\1" .. text) end
