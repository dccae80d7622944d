-- expect: error function
return function() end
