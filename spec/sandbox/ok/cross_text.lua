-- expect: ok
-- result: {"a\"b":"\\ / \b\t\n\u0000\u007f","\u00e9":"\ud83d\ude00"}
return { ['a"b'] = "\\ / \b\t\n\0\127", ["\u{e9}"] = "\u{1F600}" }
