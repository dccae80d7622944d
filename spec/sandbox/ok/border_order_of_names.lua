-- expect: ok
-- result: {"":0,"A":1,"a":2,"aa":3,"aaaaaaaa":4,"aaaaaaaaa":5,"aaaaaaaab":6,"aaaaaaaabbbbbbbbc":7,"aaaaaaaabbbbbbbbd":8,"b":9,"é":10,"€":11}
return { ["€"] = 11, aaaaaaaabbbbbbbbd = 8, ["é"] = 10, b = 9, aaaaaaaab = 6, a = 2, aa = 3, aaaaaaaabbbbbbbbc = 7,
  aaaaaaaaa = 5, A = 1, aaaaaaaa = 4, [""] = 0 }
