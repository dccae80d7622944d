-- Reads a page strictly: every tag and attribute must be one that the dashboard means to
-- write, closed in order, with nothing in it that could run. Fails with what it found.
local page = {}

local function set(words)
  local out = {}
  for word in words:gmatch "%S+" do out[word] = true end
  return out
end

local tags = set [[html head meta title link script body a header footer nav main section article div span p b em i q ul ol li dl dt dd h1 h2 h3
  table caption thead tbody tr th td form input select option textarea button label details summary svg g rect line path polyline
  figure figcaption pre code kbd time del ins br wbr]]
local void = set "meta link input br wbr"
local names = set [[id class href lang charset name content rel type src defer tabindex role method action value title datetime scope
  for placeholder autocomplete required autofocus maxlength size rows spellcheck inputmode checked selected open hidden form
  viewBox preserveAspectRatio x y x1 x2 y1 y2 width height d points]]
local links = set "href action src"

local function name_is_known(name) return names[name] or name:find "^data%-[a-z-]+$" or name:find "^aria%-[a-z]+$" end

local function decoded(text)
  text = text:gsub("&#39;", "'"):gsub("&quot;", '"'):gsub("&lt;", "<"):gsub("&gt;", ">")
  return (text:gsub("&amp;", "&"))
end

local function plain(text, where)
  for entity in text:gmatch "&(%w*#?%w*;?)" do
    assert(entity:find "^%a+;$" or entity:find "^#%d+;$", ("a bare & in %s: &%s"):format(where, entity))
  end
  assert(utf8.len(text), "no UTF-8 in " .. where)
  for _, code in utf8.codes(text) do
    assert(not (code < 32 and code ~= 10) and not (code >= 0x7f and code < 0xa0) and not (code >= 0x202a and code <= 0x202e)
      and not (code >= 0x2066 and code <= 0x2069) and code ~= 0x200b and code ~= 0xfeff, ("U+%04X in %s"):format(code, where))
  end
end

--- { text (all of it, decoded), links (list), ids (set), tags = { name -> count } }.
function page.read(html)
  local at, stack, read = #"<!doctype html>\n" + 1, {}, { text = {}, links = {}, ids = {}, tags = {} }
  assert(html:sub(1, at - 1) == "<!doctype html>\n", "no doctype")
  while true do
    local open = html:find("<", at, true)
    local text = html:sub(at, (open or 0) - 1)
    assert(not text:find ">", "a bare > in: " .. text:sub(1, 80))
    plain(text, "a text")
    read.text[#read.text + 1] = decoded(text)
    if not open then break end
    local close, name, rest, stop = html:match("^<(/?)(%w+)([^<>]*)>()", open)
    assert(name, "a bare < at: " .. html:sub(open, open + 80))
    assert(tags[name], "an unknown element " .. name)
    if close == "/" then
      local top = table.remove(stack)
      assert(top == name, ("</%s> closes <%s>"):format(name, tostring(top)))
    else
      read.tags[name] = (read.tags[name] or 0) + 1
      local self_closed = rest:sub(-1) == "/"
      if self_closed then rest = rest:sub(1, -2) end
      local left, attributes = rest, {}
      while left ~= "" do
        local key, value, more = left:match '^ ([%w-]+)="([^"]*)"(.*)$'
        if not key then key, more = left:match "^ ([%w-]+)(.*)$" end
        assert(key, ("oddly written <%s%s>"):format(name, rest))
        assert(name_is_known(key), ("an unknown attribute %s of %s"):format(key, name))
        assert(not attributes[key], "twice the attribute " .. key)
        attributes[key] = value or true
        if value then
          plain(value, key)
          if links[key] then
            local link = decoded(value)
            assert(link:find "^/[^/\\]" or link == "/" or link:find "^[#?]", "a link that leads elsewhere: " .. link)
            read.links[#read.links + 1] = { name = name, key = key, link = link }
          end
        end
        left = more
      end
      if attributes.id then
        assert(not read.ids[attributes.id], "twice the id " .. attributes.id)
        read.ids[attributes.id] = true
      end
      if name == "script" then assert(attributes.src and html:find("^</script>", stop), "a script with words of its own") end
      if not void[name] and not self_closed then stack[#stack + 1] = name end
    end
    at = stop
  end
  assert(#stack == 0, "not closed: " .. table.concat(stack, " "))
  read.text = table.concat(read.text)
  return read
end

return page
