--- keel completion --words N WORD...: what a shell's script asks.
local function answer(words, context)
  local completion = require "completion"
  local at = math.tointeger(tonumber(words[2] or ""))
  if not at or at < 0 or at > 10000 then return 2 end
  local line = table.move(words, 3, #words, 1, {})
  for i, word in ipairs(line) do -- the home that is named on the line
    if word == "--home" and line[i + 1] and i ~= at then context:set { home = line[i + 1] } end
  end
  local ok, list = pcall(completion.at, context.home, line, at + 1)
  for _, text in ipairs(ok and list or {}) do context.out(require("terminal").escape(text) .. "\n") end
  return 0
end

return {
  about = "what a shell needs to complete your words",
  usage = "keel completion bash|zsh|fish",
  arguments = { { "shell", "bash|zsh|fish" } },
  notes = "Prints a script: `source <(keel completion bash)`. `make install` puts the three where shells look.",
  examples = { "source <(keel completion bash)", "keel completion fish > ~/.config/fish/completions/keel.fish" },
  raw = true,
  run = function(words, context)
    if words[1] == "--words" then return answer(words, context) end
    local errors = require "errors"
    if not words[1] then return nil, errors.new("K1003", { command = "completion", name = "bash|zsh|fish" }) end
    local scripts = require("completion").scripts
    local script = scripts[words[1]]
    if not script then
      return nil, errors.new("K1004", { name = words[1], command = "completion", detail = "expected bash, zsh or fish",
        suggestion = require("suggest").nearest(words[1], scripts) })
    end
    context.out(script)
    return 0
  end,
}
