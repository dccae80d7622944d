-- expect: error \xe2
error("safe \u{202e}txt.exe", 0)
