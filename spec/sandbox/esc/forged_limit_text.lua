-- A script that throws the words of a limit is a script with an error.
-- expect: error out of memory
error("the run is out of memory", 0)
