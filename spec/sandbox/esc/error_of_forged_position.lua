-- expect: error /etc/passwd:1: out of instructions
error("/etc/passwd:1: out of instructions", 0)
