-- expect: error value%[2%] is not a finite number
return { 1, 0 / 0 }
