--- Text of any charset a mail names, as valid UTF-8.
--
--   text, trouble = charset.decode(bytes, name)
--
-- `text` is always valid UTF-8; `trouble` is nil or a short sentence that
-- says what could not be read. Every path is linear in #bytes.
--
-- A single-byte charset is a row of the table below: the characters from the
-- first byte that is not ASCII up to 0xFF. ISO-8859-1 is read as Windows-1252,
-- which is what mail programs mean by it. The two-byte charsets of East Asia
-- are read as far as arithmetic goes (kana, full-width letters, Greek,
-- Cyrillic, Korean syllables); an ideograph becomes U+FFFD, since its place is
-- a table of thousands of rows and mail has been written in UTF-8 for years.

local charset = {}

local BAD = "\u{FFFD}"

-- Rows of characters -----------------------------------------------------------

local rows = {
  ["cp1252"] = { 0x80,
    "€�‚ƒ„…†‡ˆ‰Š‹Œ�Ž��‘’“”•–—˜™š›œ�žŸ" ..
    "\u{A0}¡¢£¤¥¦§¨©ª«¬\u{AD}®¯°±²³´µ¶·¸¹º»¼½¾¿" ..
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß" ..
    "àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ" },
  ["cp1250"] = { 0x80,
    "€�‚�„…†‡�‰Š‹ŚŤŽŹ�‘’“”•–—�™š›śťžź" ..
    "\u{A0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{AD}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż" ..
    "ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß" ..
    "ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙" },
  ["cp1251"] = { 0x80,
    "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—�™љ›њќћџ" ..
    "\u{A0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{AD}®Ї°±Ііґµ¶·ё№є»јЅѕї" ..
    "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ" ..
    "абвгдежзийклмнопрстуфхцчшщъыьэюя" },
  ["cp1253"] = { 0x80,
    "€�‚ƒ„…†‡�‰�‹�����‘’“”•–—�™�›����" ..
    "\u{A0}΅Ά£¤¥¦§¨©�«¬\u{AD}®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏ" ..
    "ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ�ΣΤΥΦΧΨΩΪΫάέήί" ..
    "ΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ�" },
  ["cp1254"] = { 0x80,
    "€�‚ƒ„…†‡ˆ‰Š‹Œ����‘’“”•–—˜™š›œ��Ÿ" ..
    "\u{A0}¡¢£¤¥¦§¨©ª«¬\u{AD}®¯°±²³´µ¶·¸¹º»¼½¾¿" ..
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞß" ..
    "àáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ" },
  ["cp1257"] = { 0x80,
    "€�‚�„…†‡�‰�‹�¨ˇ¸�‘’“”•–—�™�›�¯˛�" ..
    "\u{A0}�¢£¤�¦§Ø©Ŗ«¬\u{AD}®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ" ..
    "ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽß" ..
    "ąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙" },
  ["iso8859-2"] = { 0xA0,
    "\u{A0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{AD}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žż" ..
    "ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß" ..
    "ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙" },
  ["iso8859-3"] = { 0xA0,
    "\u{A0}Ħ˘£¤�Ĥ§¨İŞĞĴ\u{AD}�Ż°ħ²³´µĥ·¸ışğĵ½�ż" ..
    "ÀÁÂ�ÄĊĈÇÈÉÊËÌÍÎÏ�ÑÒÓÔĠÖ×ĜÙÚÛÜŬŜß" ..
    "àáâ�äċĉçèéêëìíîï�ñòóôġö÷ĝùúûüŭŝ˙" },
  ["iso8859-4"] = { 0xA0,
    "\u{A0}ĄĸŖ¤ĨĻ§¨ŠĒĢŦ\u{AD}Ž¯°ą˛ŗ´ĩļˇ¸šēģŧŊžŋ" ..
    "ĀÁÂÃÄÅÆĮČÉĘËĖÍÎĪĐŅŌĶÔÕÖ×ØŲÚÛÜŨŪß" ..
    "āáâãäåæįčéęëėíîīđņōķôõö÷øųúûüũū˙" },
  ["iso8859-5"] = { 0xA0,
    "\u{A0}ЁЂЃЄЅІЇЈЉЊЋЌ\u{AD}ЎЏАБВГДЕЖЗИЙКЛМНОП" ..
    "РСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмноп" ..
    "рстуфхцчшщъыьэюя№ёђѓєѕіїјљњћќ§ўџ" },
  ["iso8859-7"] = { 0xA0,
    "\u{A0}‘’£€₯¦§¨©ͺ«¬\u{AD}�―°±²³΄΅Ά·ΈΉΊ»Ό½ΎΏ" ..
    "ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ�ΣΤΥΦΧΨΩΪΫάέήί" ..
    "ΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ�" },
  ["iso8859-10"] = { 0xA0,
    "\u{A0}ĄĒĢĪĨĶ§ĻĐŠŦŽ\u{AD}ŪŊ°ąēģīĩķ·ļđšŧž―ūŋ" ..
    "ĀÁÂÃÄÅÆĮČÉĘËĖÍÎÏÐŅŌÓÔÕÖŨØŲÚÛÜÝÞß" ..
    "āáâãäåæįčéęëėíîïðņōóôõöũøųúûüýþĸ" },
  ["iso8859-13"] = { 0xA0,
    "\u{A0}”¢£¤„¦§Ø©Ŗ«¬\u{AD}®Æ°±²³“µ¶·ø¹ŗ»¼½¾æ" ..
    "ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽß" ..
    "ąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž’" },
  ["iso8859-14"] = { 0xA0,
    "\u{A0}Ḃḃ£ĊċḊ§Ẁ©ẂḋỲ\u{AD}®ŸḞḟĠġṀṁ¶ṖẁṗẃṠỳẄẅṡ" ..
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏŴÑÒÓÔÕÖṪØÙÚÛÜÝŶß" ..
    "àáâãäåæçèéêëìíîïŵñòóôõöṫøùúûüýŷÿ" },
  ["iso8859-15"] = { 0xA0,
    "\u{A0}¡¢£€¥Š§š©ª«¬\u{AD}®¯°±²³Žµ¶·ž¹º»ŒœŸ¿" ..
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß" ..
    "àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ" },
  ["iso8859-16"] = { 0xA0,
    "\u{A0}ĄąŁ€„Š§š©Ș«Ź\u{AD}źŻ°±ČłŽ”¶·žčș»ŒœŸż" ..
    "ÀÁÂĂÄĆÆÇÈÉÊËÌÍÎÏĐŃÒÓÔŐÖŚŰÙÚÛÜĘȚß" ..
    "àáâăäćæçèéêëìíîïđńòóôőöśűùúûüęțÿ" },
  ["koi8-r"] = { 0x80,
    "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u{A0}⌡°²·÷" ..
    "═║╒ё╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡Ё╢╣╤╥╦╧╨╩╪╫╬©" ..
    "юабцдефгхийклмнопярстужвьызшэщчъ" ..
    "ЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ" },
  ["koi8-u"] = { 0x80,
    "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u{A0}⌡°²·÷" ..
    "═║╒ёє╔ії╗╘╙╚╛ґ╝╞╟╠╡ЁЄ╣ІЇ╦╧╨╩╪Ґ╬©" ..
    "юабцдефгхийклмнопярстужвьызшэщчъ" ..
    "ЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ" },
  ["cp437"] = { 0x80,
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ" ..
    "áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" ..
    "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" ..
    "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}" },
  ["cp850"] = { 0x80,
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ" ..
    "áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐" ..
    "└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀" ..
    "ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{AD}±‗¾¶§÷¸°¨·¹³²■\u{A0}" },
  ["cp852"] = { 0x80,
    "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×č" ..
    "áíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐" ..
    "└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀" ..
    "ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{AD}˝˛ˇ˘§÷¸°¨˙űŘř■\u{A0}" },
  ["cp866"] = { 0x80,
    "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ" ..
    "абвгдежзийклмноп░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" ..
    "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" ..
    "рстуфхцчшщъыьэюяЁёЄєЇїЎў°∙·√№¤■\u{A0}" },
  ["mac-roman"] = { 0x80,
    "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü" ..
    "†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø" ..
    "¿¡¬√ƒ≈∆«»…\u{A0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ" ..
    "‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ" },
}

--- The character rows that are plain runs of code points, written as runs so
-- that no right-to-left text turns a source line around.
local runs = {
  ["iso8859-6"] = { [0xAC] = { 0x60C, 0x60C }, [0xBB] = { 0x61B, 0x61B },
    [0xBF] = { 0x61F, 0x61F }, [0xC1] = { 0x621, 0x63A },
    [0xE0] = { 0x640, 0x652 } },
  ["iso8859-8"] = { [0xE0] = { 0x5D0, 0x5EA } },
  ["cp1255"] = { [0xC0] = { 0x5B0, 0x5B9 }, [0xE0] = { 0x5D0, 0x5EA } },
  ["cp874"] = { [0xA1] = { 0xE01, 0xE3A }, [0xDF] = { 0xE3F, 0xE5B } },
}

local alias = {
  ["iso88591"] = "cp1252", ["latin1"] = "cp1252", ["l1"] = "cp1252",
  ["windows1252"] = "cp1252", ["cp1252"] = "cp1252", ["ansi"] = "cp1252",
  ["iso88592"] = "iso8859-2", ["latin2"] = "iso8859-2",
  ["iso88593"] = "iso8859-3", ["iso88594"] = "iso8859-4",
  ["iso88595"] = "iso8859-5", ["cyrillic"] = "iso8859-5",
  ["iso88596"] = "iso8859-6", ["iso88597"] = "iso8859-7",
  ["greek"] = "iso8859-7", ["iso88598"] = "iso8859-8",
  ["iso88598i"] = "iso8859-8", ["iso88599"] = "cp1254",
  ["latin5"] = "cp1254", ["iso885910"] = "iso8859-10",
  ["iso885911"] = "cp874", ["tis620"] = "cp874", ["windows874"] = "cp874",
  ["iso885913"] = "iso8859-13", ["iso885914"] = "iso8859-14",
  ["iso885915"] = "iso8859-15", ["latin9"] = "iso8859-15",
  ["iso885916"] = "iso8859-16",
  ["koi8r"] = "koi8-r", ["koi8u"] = "koi8-u", ["koi8"] = "koi8-r",
  ["macintosh"] = "mac-roman", ["macroman"] = "mac-roman",
  ["utf8"] = "utf8", ["unicode11utf8"] = "utf8", ["utf8mb4"] = "utf8",
  ["usascii"] = "ascii", ["ascii"] = "ascii", ["ansix341968"] = "ascii",
  ["iso646us"] = "ascii",
  ["utf16"] = "utf16", ["utf16le"] = "utf16le", ["utf16be"] = "utf16be",
  ["ucs2"] = "utf16", ["utf7"] = "utf7",
  ["iso2022jp"] = "iso2022jp", ["iso2022jp2"] = "iso2022jp",
  ["csiso2022jp"] = "iso2022jp", ["cp50220"] = "iso2022jp",
  ["eucjp"] = "eucjp", ["xeucjp"] = "eucjp",
  ["shiftjis"] = "shiftjis", ["sjis"] = "shiftjis", ["xsjis"] = "shiftjis",
  ["windows31j"] = "shiftjis", ["cp932"] = "shiftjis",
  ["mskanji"] = "shiftjis",
}

-- What iconv(3) calls the ones that only it can read in full.
local iconv_name = {
  iso2022jp = "ISO-2022-JP-2", eucjp = "EUC-JP", shiftjis = "CP932",
  ksc56011987 = "CP949", ksc5601 = "CP949", ["euckr"] = "CP949",
  cp949 = "CP949", windows949 = "CP949", uhc = "CP949", korean = "CP949",
  iso2022kr = "ISO-2022-KR", johab = "JOHAB",
  gb2312 = "GB18030", gbk = "GB18030", gb18030 = "GB18030",
  cp936 = "GB18030", windows936 = "GB18030", euccn = "GB18030",
  hzgb2312 = "HZ", big5 = "BIG5-HKSCS", big5hkscs = "BIG5-HKSCS",
  cp950 = "BIG5-HKSCS", xbig5 = "BIG5-HKSCS", euctw = "EUC-TW",
  iso2022cn = "ISO-2022-CN", cp1256 = "CP1256", windows1256 = "CP1256",
  cp1258 = "CP1258", windows1258 = "CP1258", viscii = "VISCII",
  cp1255 = "CP1255", windows1255 = "CP1255", utf32 = "UTF-32",
}

--- "ISO_8859-1:1987" and "iso-8859-1" are one name.
local function plain_name(name)
  name = tostring(name or ""):sub(1, 64):lower():gsub("%*.*$", "")
  name = name:gsub("^iso_8859%-(%d+):%d+$", "iso8859%1")
  name = name:gsub("[^%w]", ""):gsub("^cs(iso)", "%1"):gsub("^x(cp%d)", "%1")
  return alias[name] or name:gsub("^windows(%d)", "cp%1"):gsub("^ibm(%d)", "cp%1")
end

-- UTF-8 ------------------------------------------------------------------------

--- Valid stretches of `run` as they are, one U+FFFD for each broken one.
-- `run` holds no ASCII.
local function mend_run(run)
  if utf8.len(run) then
    return nil
  end
  local out, i, n = {}, 1, #run
  while i <= n do
    local b = run:byte(i)
    local want = b >= 0xF0 and 4 or b >= 0xE0 and 3 or b >= 0xC2 and 2 or 1
    local piece = run:sub(i, i + want - 1)
    if want > 1 and #piece == want and utf8.len(piece) == 1 then
      out[#out + 1] = piece
      i = i + want
    else
      out[#out + 1] = BAD
      i = i + 1
    end
  end
  return table.concat(out)
end

--- Replace what is not UTF-8. Returns the text and whether it was mended.
function charset.mend(text)
  if utf8.len(text) then
    return text, false
  end
  return (text:gsub("[\128-\255]+", mend_run)), true
end

-- Single bytes -------------------------------------------------------------------

local maps = {}

--- byte -> UTF-8, built the first time a charset is met.
local function map_of(name)
  if maps[name] ~= nil then
    return maps[name]
  end
  local map
  if rows[name] then
    map = {}
    local byte = rows[name][1]
    for b = 0x80, byte - 1 do
      map[string.char(b)] = BAD
    end
    for _, code in utf8.codes(rows[name][2]) do
      map[string.char(byte)] = utf8.char(code)
      byte = byte + 1
    end
  elseif runs[name] then
    map = {}
    for b = 0x80, 0xFF do
      map[string.char(b)] = b == 0xA0 and "\u{A0}" or BAD
    end
    for first, span in pairs(runs[name]) do
      for code = span[1], span[2] do
        map[string.char(first + code - span[1])] = utf8.char(code)
      end
    end
  end
  maps[name] = map or false
  return maps[name]
end

-- Sixteen bits, and seven ----------------------------------------------------------

local function from_utf16(bytes, big)
  if bytes:sub(1, 2) == "\xFE\xFF" then
    bytes, big = bytes:sub(3), true
  elseif bytes:sub(1, 2) == "\xFF\xFE" then
    bytes, big = bytes:sub(3), false
  end
  local out, high = {}, nil
  for i = 1, #bytes - 1, 2 do
    local a, b = bytes:byte(i, i + 1)
    local unit = big and a << 8 | b or b << 8 | a
    if high and unit >= 0xDC00 and unit <= 0xDFFF then
      out[#out + 1] = utf8.char(0x10000 + ((high - 0xD800) << 10) + unit - 0xDC00)
      high = nil
    else
      if high then
        out[#out + 1] = BAD
        high = nil
      end
      if unit >= 0xD800 and unit <= 0xDBFF then
        high = unit
      elseif unit >= 0xDC00 and unit <= 0xDFFF then
        out[#out + 1] = BAD
      else
        out[#out + 1] = utf8.char(unit)
      end
    end
  end
  if high or #bytes % 2 == 1 then
    out[#out + 1] = BAD
  end
  return table.concat(out)
end

local sextet = {}
do
  local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  for i = 1, 64 do
    sextet[letters:byte(i)] = i - 1
  end
end

local function from_utf7(bytes)
  return (bytes:gsub("%+([A-Za-z0-9+/]*)(%-?)", function(run, dash)
    if run == "" then
      return dash == "-" and "+" or "+"
    end
    local out, bits, have = {}, 0, 0
    for i = 1, #run do
      bits = (bits << 6 | sextet[run:byte(i)]) & 0xFFFFFF
      have = have + 6
      if have >= 16 then
        have = have - 16
        local unit = bits >> have & 0xFFFF
        out[#out + 1] = string.char(unit >> 8, unit & 0xFF)
      end
    end
    return from_utf16(table.concat(out), true)
  end))
end

-- Japanese, as far as arithmetic goes -----------------------------------------------

local jis_row1 = {}
for _, code in utf8.codes("\u{3000}、。，．・：；？！゛゜´｀¨＾￣＿ヽヾゝゞ〃仝々〆〇ー―‐／＼～∥｜…‥‘’“”（）" ..
  "〔〕［］｛｝〈〉《》「」『』【】＋－±×÷＝≠＜＞≦≧∞∴♂♀°′″℃￥＄￠￡％＃＆＊＠§☆★○●◎◇") do
  jis_row1[#jis_row1 + 1] = utf8.char(code)
end

--- The character at row, cell of JIS X 0208 (both 1 to 94), or U+FFFD.
local function jis(row, cell)
  if row == 1 then
    return jis_row1[cell] or BAD
  elseif row == 3 then
    return utf8.char(0xFF00 + cell)
  elseif row == 4 and cell <= 83 then
    return utf8.char(0x3040 + cell)
  elseif row == 5 and cell <= 86 then
    return utf8.char(0x30A0 + cell)
  end
  return BAD
end

local function from_iso2022jp(bytes)
  local out, pos, wide, kana = {}, 1, false, false
  while pos <= #bytes do
    local esc = bytes:find("\27", pos, true) or #bytes + 1
    local run = bytes:sub(pos, esc - 1)
    if wide then
      run = run:gsub("[\33-\126][\33-\126]", function(two)
        local a, b = two:byte(1, 2)
        return jis(a - 32, b - 32)
      end)
    elseif kana then
      run = run:gsub("[\33-\95]", function(c)
        return utf8.char(0xFF61 + c:byte() - 33)
      end)
    end
    out[#out + 1] = run
    local to = bytes:sub(esc + 1, esc + 3)
    wide = to:find("^%$[@B]") ~= nil or to:find("^%$%(D") ~= nil
    kana = to:find("^%(I") ~= nil
    pos = esc + (to:find("^%$%(") and 4 or 3)
  end
  return table.concat(out)
end

local function from_eucjp(bytes)
  return (bytes:gsub("([\142\143\161-\254])([\128-\255]?)", function(a, b)
    local x, y = a:byte(), b:byte() or 0
    if x == 142 and y >= 0xA1 and y <= 0xDF then
      return utf8.char(0xFF61 + y - 0xA1)
    end
    return y >= 0xA1 and x >= 0xA1 and jis(x - 0xA0, y - 0xA0) or BAD
  end))
end

local function from_shiftjis(bytes)
  local out, i, n = {}, 1, #bytes
  while i <= n do
    local stop = bytes:find("[\128-\255]", i) or n + 1
    out[#out + 1] = bytes:sub(i, stop - 1)
    i = stop
    local a, b = bytes:byte(i, i + 1)
    if a and a >= 0xA1 and a <= 0xDF then
      out[#out + 1] = utf8.char(0xFF61 + a - 0xA1)
      i = i + 1
    elseif a then
      local row = ((a < 0xE0 and a - 0x81 or a - 0xC1) << 1) + 1
      local cell = b and b >= 0x40 and b ~= 0x7F and b <= 0xFC and b - 0x3F
      if cell and cell > 0x40 then
        cell = cell - 1
      end
      if cell and cell > 94 then
        row, cell = row + 1, cell - 94
      end
      out[#out + 1] = cell and jis(row, cell) or BAD
      i = i + (cell and 2 or 1)
    end
  end
  return table.concat(out)
end

--- Two bytes whose first is high: some ideograph. Kept as one U+FFFD each.
local function from_unknown_wide(bytes)
  return (bytes:gsub("[\129-\254][\64-\126\128-\254]", BAD):gsub("[\128-\255]+", mend_run))
end

-- The door --------------------------------------------------------------------------

local has_iconv, iconv = pcall(require, "core.iconv")

--- What the bytes are when nobody says: UTF-8 if they can be, else the charset
-- of western mail.
function charset.guess(bytes)
  if utf8.len(bytes) then
    return bytes
  end
  return (bytes:gsub("[\128-\255]", map_of("cp1252")))
end

--- Whether `bytes`, which is not UTF-8, has any UTF-8 in it at all.
local function has_some_utf8(bytes)
  return bytes:find("[\xC3-\xF4][\x80-\xBF]") ~= nil
end

local arithmetic = {
  utf16 = function(b) return from_utf16(b, true) end,
  utf16be = function(b) return from_utf16(b, true) end,
  utf16le = function(b) return from_utf16(b, false) end,
  utf7 = from_utf7,
  iso2022jp = from_iso2022jp, eucjp = from_eucjp, shiftjis = from_shiftjis,
}

--- `bytes` in the charset called `name` as UTF-8. See the top of the file.
function charset.decode(bytes, name)
  local called = plain_name(name)
  if called == "" or called == "ascii" or called == "8bit" then
    return charset.guess(bytes)
  end
  if called == "utf8" then
    if utf8.len(bytes) then
      return bytes
    end
    if not has_some_utf8(bytes) then
      return charset.guess(bytes), "says UTF-8 but is not; read as Windows-1252"
    end
    return (charset.mend(bytes)), "has bytes that are not UTF-8"
  end
  local map = map_of(called)
  if map then
    return (bytes:gsub("[\128-\255]", map))
  end
  if has_iconv and iconv_name[called] then
    local text = iconv.convert(bytes, iconv_name[called])
    if text then
      return (charset.mend(text))
    end
  end
  local text, trouble
  if arithmetic[called] then
    text = charset.mend(arithmetic[called](bytes))
  elseif iconv_name[called] then
    if utf8.len(bytes) then
      return bytes -- mislabelled more often than all-ASCII
    end
    text = from_unknown_wide(bytes)
  else
    return charset.guess(bytes),
      ("names an unknown charset '%s'"):format(tostring(name):sub(1, 40))
  end
  if text:find(BAD, 1, true) then
    trouble = ("has characters of %s that are not read"):format(tostring(name):sub(1, 40))
  end
  return text, trouble
end

return charset
