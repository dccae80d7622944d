--- The page that asks for the token.
local html = require "dashboard.html"
local layout = require "dashboard.layout"

local h = html.h
local login = {}

--- The page as text. `fields`: error? (a sentence), next? (the page to go to afterwards).
function login.page(fields)
  fields = fields or {}
  return html.document(h.html { lang = "en", layout.head "Log in",
    h.body { class = "login",
      h.main { id = "main", h.h1 { "Keel" },
        h.p { class = "lead", "Your agents, their work, and what waits for you." },
        fields.error and h.p { class = "flash bad", role = "alert", fields.error } or nil,
        h.form { method = "post", action = "/login",
          h.label { ["for"] = "token", "Token" },
          h.input { id = "token", type = "password", name = "token", required = true, autofocus = true, autocomplete = "current-password",
            ["aria-describedby"] = "where" },
          fields.next and h.input { type = "hidden", name = "next", value = fields.next } or nil,
          h.p { id = "where", class = "quiet", "It is in the file ", h.code "var/token", " of this home; ", h.code "cat var/token", " shows it." },
          h.button { type = "submit", class = "main", "Log in" } } } } })
end

return login
