-- expect: error finite
return 0 / 0
