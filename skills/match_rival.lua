-- Whose competitor somebody is, as long memory has it: `client:NAME/competitors` holds domains,
-- names, or objects of them. A domain is theirs with all that is below it; a name, where it
-- is the name of a domain or of a company that is given.

--- "https://www.Greenwire.example/about" -> "greenwire.example"; nil for what is no domain.
local function domain_of(text)
  local domain = text:lower():gsub("^%s+", ""):gsub("%s+$", ""):gsub("^%a[%w+.-]*://", ""):gsub("^.*@", ""):gsub("[/?#:].*$", ""):gsub("^www%.", "")
  return domain:find("^[%w\128-\255-]+%.[%w\128-\255.-]+$") and domain or nil
end

--- "Green Wire" -> "greenwire"
local function plain(name)
  return (name:lower():gsub("[%s%p]+", ""))
end

--- All texts in a value.
local function texts_in(value, list)
  if type(value) == "string" then
    list[#list + 1] = value
  elseif type(value) == "table" then
    for _, one in pairs(value) do
      texts_in(one, list)
    end
  end
  return list
end

--- Whether a rival, a domain or a name, is who writes.
local function is_rival(rival, domains, names)
  local theirs = domain_of(rival)
  for _, domain in ipairs(domains) do
    if theirs and (domain == theirs or domain:sub(-#theirs - 1) == "." .. theirs) then
      return true
    end
    for label in (theirs and "" or domain:match("^(.*)%.") or ""):gmatch("[^.]+") do
      names[plain(label)] = true
    end
  end
  return not theirs and #plain(rival) > 2 and names[plain(rival)] == true
end

return skill {
  version = 1,
  about = "Finds the clients that somebody competes with",
  effect = "pure",
  input = {
    type = "object", required = { "memories" },
    properties = {
      sites = { type = "array", items = { type = "string" }, description = "their domains and pages" },
      names = { type = "array", items = { type = "string" }, description = "what their company is called" },
      memories = { type = "array", items = { type = "object", required = { "key" } }, description = "of kind client" },
    },
  },
  output = { type = "object", required = { "clients" }, properties = { clients = { type = "array", items = { type = "string" } } } },

  ["local"] = function(input)
    local domains, names, clients = {}, {}, {}
    for _, site in ipairs(input.sites or {}) do
      domains[#domains + 1] = domain_of(site)
    end
    for _, name in ipairs(input.names or {}) do
      names[plain(name)] = true
    end
    for _, memory in ipairs(input.memories) do
      local client = memory.key:match("^client:(.*)/competitors?$")
      local value = memory.value
      if not client and type(value) == "table" and value.competitors then
        client, value = memory.key:match("^client:([^/]*)") or memory.key, value.competitors
      end
      local found = false
      for _, rival in ipairs(client and texts_in(value, {}) or {}) do
        found = found or is_rival(rival, domains, names)
      end
      if client and value == nil then -- only words: "Fernline competes with Greenwire."
        for word in (memory.text or ""):gmatch("[%w\128-\255][%w\128-\255.-]*") do
          word = word:gsub("%.$", "")
          found = found or plain(word) ~= plain(client:match("^[^.]*")) and is_rival(word, domains, names)
        end
      end
      clients[#clients + 1] = found and client or nil
    end
    return { clients = clients }
  end,

  examples = {
    { name = "by domain", input = { sites = { "greenwire.example" }, memories = { { key = "client:fernline.example/competitors", value = { "greenwire.example" } },
        { key = "client:kite.example/competitors", value = { "moss.example" } } } }, output = { clients = { "fernline.example" } } },
    { name = "below it", input = { sites = { "eu.greenwire.example" }, memories = { { key = "client:a/competitors", value = { "https://www.Greenwire.example/" } } } }, output = { clients = { "a" } } },
    { name = "alike is another", input = { sites = { "notgreenwire.example" }, memories = { { key = "client:a/competitors", value = { "greenwire.example", "Greenwire" } } } }, output = { clients = {} } },
    { name = "by name", input = { sites = { "greenwire.example" }, memories = { { key = "client:a/competitors", value = { { name = "Green Wire" } } } } }, output = { clients = { "a" } } },
    { name = "by the name of the company", input = { sites = { "gmail.com" }, names = { "Greenwire" }, memories = { { key = "client:a/competitors", value = "GREENWIRE" } } }, output = { clients = { "a" } } },
    { name = "only words", input = { sites = { "greenwire.example" }, memories = { { key = "client:fernline.example/competitors", text = "Fernline competes with Greenwire." } } },
      output = { clients = { "fernline.example" } } },
    { name = "their own client is no rival", input = { sites = { "fernline.example" }, memories = { { key = "client:fernline.example/competitors", text = "Fernline competes with Greenwire." } } },
      output = { clients = {} } },
    { name = "other memories", input = { sites = { "greenwire.example" }, memories = { { key = "client:a/contact", value = { email = "x@greenwire.example" } } } }, output = { clients = {} } },
  },
}
