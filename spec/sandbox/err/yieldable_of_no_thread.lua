-- expect: error bad argument #1 to 'isyieldable' %(thread expected, got table%)
return coroutine.isyieldable({})
