--- What a script says that lint may pass over: `-- lint: allow K2307, K2330`.
--
-- Behind code it is for its line, alone on a line for the next line of code, and above the
-- first line of code for the whole file.
local allowed = {}

--- The first line of code at or behind a place; nil when there is none.
local function line_from(tokens, at)
  for _, token in ipairs(tokens) do
    if token.at >= at then return token.line end
  end
end

local function alone(text, at)
  while at > 1 and text:byte(at - 1) ~= 10 do
    at = at - 1
    if not text:sub(at, at):find "^[ \t]$" then return false end
  end
  return true
end

--- The permissions of a source: a list of { number, line (nil: the whole file), place }.
function allowed.read(text, tokens, comments)
  local list, first = {}, tokens[1] and tokens[1].at or #text + 1
  for _, comment in ipairs(comments) do
    local body = text:sub(comment.at, comment.stop - 1)
    local start, numbers = body:match "lint:%s*()allow%s+([%w,%s]+)"
    if start then
      for offset, number in numbers:gmatch "()(K%d%d%d%d)" do
        local at = comment.at + start + #(body:match("allow%s+", start)) + offset - 2
        local whole = comment.stop <= first and comment.at < first
        local line = not whole and (alone(text, comment.at) and line_from(tokens, comment.stop) or comment.line) or nil
        list[#list + 1] = { number = number, line = line, whole = whole, place = { line = comment.line, at = at, stop = at + #number } }
      end
    end
  end
  return list
end

--- Findings that are not allowed; then those permissions that nothing needed.
function allowed.filter(findings, list)
  local kept, unused = {}, {}
  for _, finding in ipairs(findings) do
    local passed = false
    for _, one in ipairs(list) do
      if one.number == finding.number and (one.whole or one.line == finding.line) then passed, one.used = true, true end
    end
    if not passed then kept[#kept + 1] = finding end
  end
  for _, one in ipairs(list) do
    if not one.used then unused[#unused + 1] = one end
  end
  return kept, unused
end

return allowed
