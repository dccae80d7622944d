-- expect: error identity
return string.format("%p", "text")
