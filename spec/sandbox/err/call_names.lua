-- expect: error global 'nothing'
nothing()
