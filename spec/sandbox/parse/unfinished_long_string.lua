-- expect: error unfinished
return [==[ never closed
