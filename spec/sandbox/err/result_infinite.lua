-- expect: error finite
return { x = math.huge }
