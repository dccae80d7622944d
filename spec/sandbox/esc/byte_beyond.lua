-- expect: ok
-- result: [0,0,3]
return { select("#", ("abc"):byte(4, 9)), select("#", ("abc"):byte(-9, -4)), select("#", ("abc"):byte(math.mininteger, math.maxinteger)) }
