--- dovecot and an SMTP server on this machine, unprivileged, in a folder of their own that is gone afterwards.
local file = require "file"
local server = require "spec.support.server"
local socket = require "socket"

local servers = {}
servers.__index = servers

servers.user, servers.password = "mira@studio.example", 'corr"ect h\\orse'

local function sh(command, ...)
  assert(os.execute(command:format(...)), command)
end

local function first_line(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read "l"
  pipe:close()
  return line
end

local function free_port()
  local one = assert(socket.bind("127.0.0.1", 0))
  local _, port = one:getsockname()
  one:close()
  return math.tointeger(tonumber(port))
end

local conf = [[
base_dir = @/run
state_dir = @/state
log_path = @/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = USER
default_internal_group = GROUP
default_login_user = USER
ssl = yes
ssl_cert = <@/cert.pem
ssl_key = <@/key.pem
first_valid_uid = 1
mail_location = maildir:@/mail/%u
auth_mechanisms = plain login
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = scheme=plain username_format=%u @/users
}
userdb {
  driver = static
  args = uid=USER gid=GROUP home=@/home/%u
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  chroot =
  inet_listener imap {
    port = IMAP
  }
  inet_listener imaps {
    port = TLSPORT
    ssl = yes
  }
}
]]

local function listens(port)
  local one = socket.tcp()
  one:settimeout(1)
  local ok = one:connect("127.0.0.1", port)
  one:close()
  return ok ~= nil
end

--- Run it as nobody where we are root; its process id.
local function start(self, command)
  local as = self.root and "setpriv --reuid=nobody --regid=nogroup --clear-groups " or ""
  local pid = first_line(("(cd /; exec timeout -k 5 290 %s%s) >/dev/null 2>>%s/log & echo $!"):format(as, command, self.path))
  self.pids[#self.pids + 1] = pid
end

function servers.start()
  local path = os.tmpname()
  os.remove(path)
  local self = setmetatable({ path = path, pids = {}, root = first_line "id -u" == "0", ca = path .. "/cert.pem" }, servers)
  sh("mkdir -p %s/run %s/state %s/mail %s/home %s/smtp", path, path, path, path, path)
  sh("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost "
    .. "-keyout %s/key.pem -out %s/cert.pem 2>/dev/null", path, path)
  self.imap, self.imaps = free_port(), free_port()
  local user = self.root and "nobody" or first_line "id -un"
  local text = conf:gsub("@/", path .. "/"):gsub("USER", user):gsub("GROUP", self.root and "nogroup" or first_line "id -gn")
    :gsub("TLSPORT", tostring(self.imaps)):gsub("IMAP", tostring(self.imap))
  assert(file.write(path .. "/dovecot.conf", text))
  assert(file.write(path .. "/users", servers.user .. ":{PLAIN}" .. servers.password .. "\n"))
  if self.root then sh("chown -R nobody:nogroup %s", path) end
  start(self, ("dovecot -F -c %s/dovecot.conf"):format(path))
  local script = assert(file.read "spec/mail/smtp_server.py")
  assert(file.write(path .. "/smtp_server.py", script))
  sh("chmod 755 %s; chmod 644 %s/smtp_server.py", path, path)
  start(self, ("sh -c 'exec /usr/bin/python3 %s/smtp_server.py %s/smtp %s/cert.pem %s/key.pem \"$1\" \"$2\" >%s/smtp/ports' sh '%s' '%s'")
    :format(path, path, path, path, path, servers.user, servers.password))
  server.eventually(function()
    local ports = file.read(path .. "/smtp/ports")
    self.smtp, self.smtp_starttls, self.smtps = (ports or ""):match "^(%d+) (%d+) (%d+)\n"
    return self.smtp and listens(self.imap) and listens(self.imaps)
  end, "the servers start: " .. path)
  return self
end

--- What the SMTP server took: { from, to, mail }, in order.
function servers:taken()
  local out = {}
  for _, name in ipairs(file.list(self.path .. "/smtp")) do
    if name:find "^%d+$" then
      local text = file.read(self.path .. "/smtp/" .. name)
      local from, to, mail = text:match "^(.-)>(.-)\n(.*)$"
      out[#out + 1] = { from = from, to = to, mail = mail }
    end
  end
  return out
end

function servers:stop()
  for _, pid in ipairs(self.pids) do os.execute(("kill %s 2>/dev/null"):format(pid)) end
  server.eventually(function() return not listens(self.imap) and not listens(self.smtp) end, "the servers end")
  os.execute(("rm -rf '%s'"):format(self.path))
end

return servers
