return {
  about = "the version of Keel and of Lua inside",
  run = function(_, context)
    local version = require("core.program").version
    if context.json then
      context.print_json { version = version, lua = _VERSION }
    else
      context.out(("keel %s, %s\n"):format(version, _VERSION))
    end
    return 0
  end,
}
