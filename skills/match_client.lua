-- Which client in the books writes here: by the domain of the address, then by the address
-- itself, then by a name that is nearly the same. A mailbox provider's domain is nobody's.

local free_mail = {}
for name in ("gmail googlemail outlook hotmail live yahoo icloud me proton protonmail gmx web aol sapo mail fastmail posteo zoho hey msn"):gmatch("%a+") do
  free_mail[name] = true
end

local legal = {}
for word in ("lda ltd ltda eireli limited gmbh inc llc llp ag sa sas sarl sl srl spa bv nv kg ug ab as oy aps plc pty pte kk corp co "
  .. "company the unipessoal"):gmatch("%a+") do
  legal[word] = true
end

local function is_shared(domain)
  return free_mail[(domain or ""):lower():match("^([^.]+)%.") or ""] or false
end

local function domain_of(address)
  return type(address) == "string" and address:lower():match("@([%w.-]+)") or nil
end

--- "Fernline, Lda." -> "fernline"
local function plain_name(name)
  local words = {}
  for word in name:lower():gsub("%.", ""):gmatch("[%w\128-\255]+") do
    words[#words + 1] = not legal[word] and word or nil
  end
  return table.concat(words, " ")
end

--- How alike two names are: 1 minus the share of letters that must be changed.
local function alike(a, b)
  a, b = plain_name(a):sub(1, 80), plain_name(b):sub(1, 80)
  if a == "" or b == "" then
    return 0
  end
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local diagonal
    diagonal, row[0] = row[0], i
    for j = 1, #b do
      local change = diagonal + (a:byte(i) == b:byte(j) and 0 or 1)
      diagonal = row[j]
      row[j] = math.min(change, row[j] + 1, row[j - 1] + 1)
    end
  end
  return 1 - row[#b] / math.max(#a, #b)
end

--- Everything in a client's record that is an address, and what is named a domain.
local function ways_to(client)
  local domains, mails = {}, {}
  local function look(value, name)
    if type(value) == "table" then
      for key, one in pairs(value) do
        look(one, type(key) == "string" and key or name)
      end
    elseif type(value) == "string" and value:find("@", 1, true) then
      mails[value:lower()] = true
      local domain = domain_of(value)
      if domain and not is_shared(domain) then
        domains[domain] = true
      end
    elseif type(value) == "string" and (name == "domain" or name == "domains" or name == "client_domain") then
      domains[value:lower()] = true
    end
  end
  look(client, "")
  return domains, mails
end

return skill {
  version = 1,
  about = "Finds the client that is meant among those that are known",
  effect = "pure",
  input = {
    type = "object", required = { "clients" },
    properties = {
      domains = { type = "array", items = { type = "string" } }, emails = { type = "array", items = { type = "string" } },
      names = { type = "array", items = { type = "string" } },
      clients = { type = "array", items = { type = "object", required = { "id", "client" } } },
      min = { type = "number", description = "how alike names must be (0.92)" },
    },
  },
  output = {
    type = "object",
    properties = { id = { type = "string" }, by = { enum = { "domain", "email", "name" } }, score = { type = "number" } },
  },

  ["local"] = function(input)
    local ways = {}
    for i, one in ipairs(input.clients) do
      local domains, mails = ways_to(one.client)
      ways[i] = { domains = domains, mails = mails }
    end
    for _, domain in ipairs(input.domains or {}) do
      for i, one in ipairs(input.clients) do
        if not is_shared(domain) and ways[i].domains[domain:lower()] then
          return { id = one.id, by = "domain", score = 1 }
        end
      end
    end
    for _, mail in ipairs(input.emails or {}) do
      for i, one in ipairs(input.clients) do
        if ways[i].mails[mail:lower()] then
          return { id = one.id, by = "email", score = 1 }
        end
      end
    end
    local best, top = nil, 0
    for _, name in ipairs(input.names or {}) do
      for _, one in ipairs(input.clients) do
        local score = type(one.client.name) == "string" and alike(name, one.client.name) or 0
        if score > top then
          best, top = one.id, score
        end
      end
    end
    top = math.floor(top * 1000 + 0.5) / 1000
    if best and top >= (input.min or 0.92) then
      return { id = best, by = "name", score = top }
    end
    return {}
  end,

  examples = {
    { name = "by domain", input = { domains = { "fernline.example" }, clients = { { id = "C-2", client = { name = "Kite", domain = "kite.example" } },
        { id = "C-1", client = { name = "Fernline", domain = "fernline.example" } } } }, output = { id = "C-1", by = "domain" } },
    { name = "by the domain of an address in the books", input = { domains = { "fernline.example" },
        clients = { { id = "C-1", client = { contact = { email = "Rui@Fernline.example" } } } } }, output = { id = "C-1", by = "domain" } },
    { name = "a mailbox provider is nobody's domain", input = { domains = { "gmail.com" }, emails = { "ana@gmail.com" },
        clients = { { id = "C-1", client = { email = "bo@gmail.com" } }, { id = "C-2", client = { email = "ana@gmail.com" } } } },
      output = { id = "C-2", by = "email" } },
    { name = "by name, whatever the legal form", input = { domains = { "fernline.test" }, names = { "Fernline Lda" },
        clients = { { id = "C-1", client = { name = "Fernline, Ltd.", domain = "fernline.example" } } } }, output = { id = "C-1", by = "name", score = 1 } },
    { name = "alike is not the same", input = { names = { "Fernline" }, clients = { { id = "C-1", client = { name = "Fernlike Studio" } } } }, output = { id = nil } },
    { name = "nobody is known", input = { domains = { "a.example" }, clients = {} }, output = { id = nil } },
  },
}
