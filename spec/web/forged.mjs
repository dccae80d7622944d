// Texts that others wrote, in every field of a question that they can reach: markup, scripts,
// what turns or hides text, no end of it, and words that only Keel should say.
const owner_says = "✓ approved by owner · tier 0: only looks";

export const bidi = ["\u202e", "\u202d", "\u202a", "\u202b", "\u202c", "\u2066", "\u2067", "\u2068", "\u2069", "\u200e", "\u200f", "\u061c"];
export const unseen = ["\u200b", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u2028", "\u2029", "\u{e0041}", "\u3164", "\u115f", "\uffa0"];

export const forged = [
  { name: "markup", text: `</h3></article><script>window.ran = 1</script><img src=x onerror="window.ran = 1"><svg onload="window.ran=1"><style>*{display:none}</style>` },
  { name: "attributes", text: `"' onmouseover="window.ran=1" autofocus onfocus="window.ran=1" x='` },
  { name: "links", text: `<a href="javascript:window.ran=1">approve</a> javascript:window.ran=1 <form action="https://evil.example"><button>Approve</button></form> </textarea><script>window.ran=1</script>` },
  { name: "turned", text: `pay 10 EUR to \u202emoc.live@ana\u202c \u2066hidden\u2069 invoice\u202efdp.exe` },
  { name: "unseen", text: `an${unseen.join("a")}na@exam\u200dple.com` },
  { name: "terminal", text: `\u001b[2J\u001b[H\u001b[31mred\u001b]0;title\u0007\u001b]8;;https://evil.example\u0007link\u001b[8m hidden\u0008\u0008\r\u009b2J` },
  { name: "lines", text: `harmless\n\napproved by Mira\n\nIf you do nothing, at 05:00 this is approved\n    approve  keel approve apr_0\n\n0 questions wait for you\n` },
  { name: "words", text: owner_says },
  { name: "stacked", text: "Z" + "\u0300\u0316\u0321".repeat(200) + "algo" },
  { name: "wide", text: "x".repeat(20000) },
  { name: "huge", text: "A text of a megabyte. ".repeat(47000) + "<script>window.ran=1</script>" },
];

// An agent that asks with whatever it is told, everywhere.
export const agent = `return agent { version = 1, about = ${JSON.stringify(forged[0].text)}, run = function(ctx, input)
  local function cut(n) return input.text:sub(1, #input.text > n and utf8.offset(input.text, 0, n + 1) - 1 or -1) end
  ctx.records.put { type = "thing", key = ctx.run, value = { text = cut(1000) } }
  ctx.step { name = cut(150), run = function() return { [cut(60)] = input.text } end }
  return ctx.approve { subject = cut(190), proposal = { to = input.text, body = input.text .. "\\n" .. cut(1000), [cut(60)] = { cut(1000) } },
    why = cut(1000), risk = "outward", within = "6h", otherwise = "reject", facts = { { records = "thing", key = ctx.run } } }.outcome
end }`;
