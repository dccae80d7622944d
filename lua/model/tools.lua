local tools = {}
function tools.check() return true end
function tools.repair(asked) return asked end
return tools
