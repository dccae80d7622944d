-- expect: error already defined
::a:: do end ::a::
