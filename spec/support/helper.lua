-- Loaded by busted before every spec file.
return true
