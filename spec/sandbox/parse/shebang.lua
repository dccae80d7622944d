-- expect: ok
-- result: 1
-- first: #!/usr/bin/keel
return 1
