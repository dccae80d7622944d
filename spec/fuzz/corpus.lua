--- What the fuzzers begin with: `build/keel lua spec/fuzz/corpus.lua FOLDER` writes
-- FOLDER/codec, FOLDER/cron, FOLDER/json, FOLDER/segment and FOLDER/token.
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

for _, name in ipairs { "codec", "cron", "json", "segment", "token" } do assert(file.mkdir(file.join(folder, name))) end
for i, value in ipairs(values) do
  assert(file.write(file.join(folder, "codec", "value" .. i), (json.pack(value))))
  assert(file.write(file.join(folder, "json", "value" .. i), (json.encode(value))))
end
for i, text in ipairs(texts) do assert(file.write(file.join(folder, "json", "text" .. i), text)) end
for i, text in ipairs(records) do assert(file.write(file.join(folder, "segment", "record" .. i), "\0" .. text)) end
assert(file.write(file.join(folder, "segment", "records"), "\0" .. table.concat(records)))
-- stored, not compressed: zlib's head, our dictionary's id, one block, the sum
assert(file.write(file.join(folder, "segment", "block"), "\1K\1\0\x78\xbb\0\0\0\0\1\0\0\xff\xff\0\0\0\1"))
for i, text in ipairs(words) do assert(file.write(file.join(folder, "token", "text" .. i), text)) end
for i, text in ipairs(crons) do assert(file.write(file.join(folder, "cron", "text" .. i), text)) end
