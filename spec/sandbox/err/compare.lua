-- expect: error attempt to compare
return {} < 1
