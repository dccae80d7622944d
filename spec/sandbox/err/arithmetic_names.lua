-- expect: error field 'total'
local order = {}
return order.total + 1
