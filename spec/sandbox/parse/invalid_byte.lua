-- expect: error
return $
