--- The words of an HTML page, as a person would read them aloud.
--
--   text = html_text(html)      UTF-8 in, UTF-8 out, lines end with LF
--
-- Not a browser: no nesting is kept, so nothing a page does can make this
-- deep or slow. Searches remember what they found, which is what keeps a
-- megabyte of "<!--" linear.

local entities = {
  amp = "&", lt = "<", gt = ">", quot = '"', apos = "'", nbsp = "\u{A0}",
  shy = "", zwnj = "", zwj = "", lrm = "", rlm = "",
  ensp = " ", emsp = " ", thinsp = " ",
  ndash = "–", mdash = "—", hellip = "…", bull = "•", middot = "·",
  lsquo = "‘", rsquo = "’", sbquo = "‚", ldquo = "“", rdquo = "”",
  bdquo = "„", laquo = "«", raquo = "»", lsaquo = "‹", rsaquo = "›",
  dagger = "†", Dagger = "‡", permil = "‰", prime = "′", Prime = "″",
  euro = "€", trade = "™", larr = "←", rarr = "→", uarr = "↑", darr = "↓",
  harr = "↔", minus = "−", ne = "≠", le = "≤", ge = "≥", asymp = "≈",
  infin = "∞", check = "✓", hearts = "♥", star = "☆", OElig = "Œ",
  oelig = "œ", Scaron = "Š", scaron = "š", Yuml = "Ÿ", fnof = "ƒ",
  circ = "ˆ", tilde = "˜", alpha = "α", beta = "β", gamma = "γ",
  delta = "δ", pi = "π", mu = "μ", omega = "ω", Omega = "Ω", Delta = "Δ",
  Sigma = "Σ", sigma = "σ", lambda = "λ",
}

-- The Latin-1 letters, in the order of their code points from 160 on.
do
  local code = 160
  for name in ([[
    nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy
    reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo
    frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig
    Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve
    Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN
    szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute
    ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde
    ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml]]):gmatch("%S+") do
    entities[name] = entities[name] or utf8.char(code)
    code = code + 1
  end
end

-- Windows-1252 written as numbers: &#150; is a dash to everybody.
local cp1252 = {
  [0x80] = "€", [0x82] = "‚", [0x83] = "ƒ", [0x84] = "„", [0x85] = "…",
  [0x86] = "†", [0x87] = "‡", [0x88] = "ˆ", [0x89] = "‰", [0x8A] = "Š",
  [0x8B] = "‹", [0x8C] = "Œ", [0x8E] = "Ž", [0x91] = "‘", [0x92] = "’",
  [0x93] = "“", [0x94] = "”", [0x95] = "•", [0x96] = "–", [0x97] = "—",
  [0x98] = "˜", [0x99] = "™", [0x9A] = "š", [0x9B] = "›", [0x9C] = "œ",
  [0x9E] = "ž", [0x9F] = "Ÿ",
}

local function from_number(code)
  if not code or code < 9 or code > 0x10FFFF or (code >= 0xD800 and code <= 0xDFFF) then
    return "\u{FFFD}"
  end
  return cp1252[code] or utf8.char(code)
end

local function unescape(text)
  if not text:find("&", 1, true) then
    return text
  end
  return (text:gsub("&(#?)(%w+)(;?)", function(number, name, stop)
    if number == "#" then
      if #name > 9 then
        return nil
      end
      local hex = name:match("^[xX](%x+)$")
      local code = hex and tonumber(hex, 16) or tonumber(name:match("^%d+$"))
      return code and from_number(code)
    end
    -- Without its semicolon only the old ones count, so that "&copy=1" of an
    -- address in the text is not turned into a sign.
    return (stop == ";" or name == "nbsp" or name == "amp" or name == "lt" or name == "gt")
      and entities[name] or nil
  end))
end

-- What a tag does to the text around it.
local BREAK, PARAGRAPH = 1, 2
local effect = { br = BREAK, div = BREAK, tr = BREAK, li = BREAK, dt = BREAK,
  dd = BREAK, option = BREAK, caption = BREAK, figcaption = BREAK,
  address = BREAK, header = BREAK, footer = BREAK, section = BREAK,
  article = BREAK, thead = BREAK, tbody = BREAK, center = BREAK, form = BREAK,
  p = PARAGRAPH, h1 = PARAGRAPH, h2 = PARAGRAPH, h3 = PARAGRAPH,
  h4 = PARAGRAPH, h5 = PARAGRAPH, h6 = PARAGRAPH, blockquote = PARAGRAPH,
  ul = PARAGRAPH, ol = PARAGRAPH, dl = PARAGRAPH, table = PARAGRAPH,
  pre = PARAGRAPH, hr = PARAGRAPH }
local silent = { script = true, style = true, title = true, head = false,
  template = true, textarea = true, noscript = false, svg = true, xml = true }

--- A text that grows, with white space the way a browser collapses it.
local function new_page()
  local page = { out = {}, breaks = 0, space = false }

  function page:put(word)
    if self.breaks > 0 then
      self.out[#self.out + 1] = #self.out == 0 and "" or ("\n"):rep(self.breaks)
    elseif self.space and #self.out > 0 then
      self.out[#self.out + 1] = " "
    end
    self.breaks, self.space = 0, false
    self.out[#self.out + 1] = word
  end

  function page:gap(n)
    self.breaks = math.max(self.breaks, n)
    self.space = false
  end

  function page:text(raw)
    -- U+00A0 keeps words together on a screen; in a text it is a space.
    raw = unescape(raw):gsub("\u{A0}", " "):gsub("\u{200B}", "")
    local from = 1
    if raw:find("^%s") then
      self.space = true
    end
    for word, stop in raw:gmatch("(%S+)()", from) do
      self:put(word)
      self.space = raw:find("^%s", stop) ~= nil
    end
  end

  function page:preformatted(raw)
    raw = unescape(raw)
    local first = true
    for line in (raw .. "\n"):gmatch("([^\n]*)\n") do
      if not first then
        self.breaks = self.breaks + 1
      end
      if line ~= "" then
        self:put(line)
      end
      first = false
    end
  end

  return page
end

--- A finder over `s` for plain strings that never looks at a byte twice as
-- long as it is asked about places further and further on.
local function finder(s)
  local asked, found = {}, {}
  return function(what, from)
    local at = found[what]
    if at == nil or from < asked[what] or (at and at < from) then
      at = s:find(what, from, true) or false
      asked[what], found[what] = from, at
    end
    if at then
      return at, at + #what - 1
    end
  end
end

local longest_tag = 4096

--- Where the tag that opens at `at` ends, minding quoted attributes.
local function tag_end(html, find, at)
  local first, pos, last = find(">", at), at + 1, #html + 1
  while first do
    local close, double, single = find(">", pos) or last, find('"', pos), find("'", pos)
    local quote = math.min(double or last, single or last)
    if close < quote then
      return close
    elseif quote == last or quote - at > longest_tag then
      break
    end
    -- A quote opens a value only after "=", and one that is never closed is
    -- only a letter: else it would swallow the page.
    local stop = html:find("^= ?", quote - 1) and find(quote == double and '"' or "'", quote + 1)
    pos = stop and stop - quote < longest_tag and stop + 1 or quote + 1
  end
  return first
end

local function html_text(html)
  local page = new_page()
  local find, lower = finder(html), html:lower()
  local find_lower = finder(lower)
  local pos, n, pre = 1, #html, false
  local from = 1 -- where the text that is not yet put begins

  local function put_text(to)
    if to >= from then
      local raw = html:sub(from, to)
      if pre then
        page:preformatted(raw)
      else
        page:text(raw)
      end
    end
  end

  local function open_or_close(name, opens, at)
    if effect[name] then
      page:gap(effect[name])
    end
    if name == "br" then
      if page.broke == at then
        page:gap(2) -- two in a row are an empty line
      end
      page.broke = pos
    elseif (name == "td" or name == "th") and opens then
      page.space = true
    elseif name == "li" and opens then
      page:put("-")
      page.space = true
    elseif name == "hr" then
      page:put("---")
      page:gap(PARAGRAPH)
    elseif name == "pre" then
      pre = opens
    elseif silent[name] and opens and html:byte(pos - 2) ~= 47 then
      local close = find_lower("</" .. name, pos)
      if close or name ~= "title" then
        pos = (close and find(">", close) or n) + 1
      end
    end
  end

  while pos <= n do
    local at = find("<", pos)
    if not at then
      break
    end
    local after
    if html:find("^<!%-%-", at) then
      local _, stop = find("-->", at + 4)
      -- An unclosed comment ends at its own ">", as browsers of old did.
      after = (stop or find(">", at) or n) + 1
    elseif html:find("^<[!?]", at) then
      after = (find(">", at) or n) + 1
    end
    local slash, name
    if not after then
      slash, name = lower:match("^<(/?)([a-z][a-z0-9]*)", at)
      local stop = name and tag_end(html, find, at)
      if stop then
        after = stop + 1
      elseif name and n - at < longest_tag then
        after = n + 1 -- a tag that the end of the mail cut
      end
    end
    if after then
      put_text(at - 1)
      pos = after
      if name then
        open_or_close(name, slash == "", at)
      end
      from = pos
    else
      pos = at + 1 -- "a < b"
    end
  end
  put_text(n)

  -- A bullet with nothing after it, and lines that are only a space.
  return (table.concat(page.out):gsub("\n%-\n", "\n"):gsub("\n\n\n+", "\n\n"))
end

return html_text
