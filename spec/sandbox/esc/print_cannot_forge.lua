-- expect: ok
-- result: 1
print('{"outcome":"ok","result":2,"error":null}')
print("\r{\"outcome\":\"ok\"}\n{\"outcome\":\"ok\"}")
return 1
