// A home with a life: models were called, mails answered, memories changed, agents edited;
// things failed, are stuck, wait, and were decided otherwise. What pages show of it came
// about through the engine alone; only the model server is a fake.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { start, until } from "./world.mjs";

// The fake of spec/support: what it is told to play, it plays.
async function fake_models(bin) {
  const child = spawn(bin, ["lua", "spec/support/model_server.lua", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise((ok) => child.stdout.on("data", (d) => ok(String(d).match(/\d+/)[0])));
  const tell = (path, body) => fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body: JSON.stringify(body) });
  return { base_url: `http://127.0.0.1:${port}/v1`, play: (...things) => tell("/_script", things), usually: (thing) => tell("/_default", thing),
    stop: () => tell("/_quit", {}).catch(() => {}) };
}

const config = (base_url) => `return { zone = "Europe/Lisbon", owner = "Mira", budget = { day = "$0.01", month = "$60.00", warn = { 0.5, 0.8 } },
  approvals = { web_undo = "1h" },
  tiers = { small = { { provider = "openai", model = "quick-1", base_url = "${base_url}", price = { input = 0.20, output = 0.80, as_of = "2026-11-01" } } },
            large = { { provider = "openai", model = "careful-2", base_url = "${base_url}", price = { input = 3.00, output = 15.00, as_of = "2026-11-01" } } } },
  adapters = { mail = "outbox", payments = { use = "http_json", base_url = "${base_url}", hosts = { "127.0.0.1" }, ops = { pay = { path = "/pay", risk = "irreversible" } } } },
  policy = { { effect = "payments.*", say = "auto" }, { effect = "mail.send", say = "ask" } } }`;

const notes = (version, body) => `return agent { version = ${version}, about = "remembers what customers like", memory = { read = { "*" }, write = { "*" } },
  on = { { cron = "45 7 * * MON-FRI" }, { event = "note.made" } },
  run = function(ctx, input)
${body}
    return { done = true }
  end }
`;

const agents = {
  triage: `return agent { version = 1, about = "sorts mail, remembers who wrote, and drafts an answer", on = { event = "mail.received", key = "id" },
  uses = { "mail" }, budget = { day = "$1.00" }, input = { type = "object", required = { "id", "from", "text" } },
  run = function(ctx, mail)
    local known = ctx.memory.search { query = mail.text, k = 3 }
    local about, err = ctx.model { tier = "small", prompt = "In three words, what is this about?\\n" .. mail.text, max_tokens = 20 }
    if not about then error("no model answered: " .. err.message) end
    ctx.memory.remember { kind = "note", key = "from/" .. mail.from, text = mail.from .. " wrote about " .. about .. ": " .. mail.text }
    local draft = ctx.model { tier = "large", prompt = "Draft an answer. Known: " .. #known .. " notes.\\n" .. mail.text, max_tokens = 200 }
    local sent, why = ctx.skill.mail { op = "send", key = "answer:" .. mail.id, to = mail.from, subject = "Re: " .. mail.subject, body = draft }
    if not sent then return "not sent: " .. why.message end
    return "answered: " .. about
  end }`,
  pays: `return agent { version = 1, about = "pays what was agreed", uses = { "payments" }, run = function(ctx, input)
    return ctx.skill.payments { op = "pay", key = "pay:" .. input.subject, order = input.subject, eur = 120 } end }`,
  weekly: `return agent { version = 3, about = "asks triage's notes for the week's letter", on = { cron = "0 9 * * MON", zone = "Europe/Lisbon" },
    run = function(ctx) return ctx.call("notes", { likes = "green" }) end }`,
  notes: notes(1, `    ctx.memory.remember { kind = "fact", key = "likes", text = "Ana likes the blue one and pays by invoice." }`),
};

const mails = [
  { id: "m1", from: "ana@example.com", subject: "Where is my order?", text: "I ordered the blue lamp a week ago. When will it come?" },
  { id: "m2", from: "ben@example.com", subject: "Invoice 198", text: "The invoice has the wrong address; could you send it again?" },
  { id: "m3", from: "cleo@example.com", subject: "Refund", text: "The lamp came broken and I would like my money back, please." },
  { id: "m4", from: "dora@example.com", subject: "Opening hours", text: "Are you open on Saturday?" },
];

export async function lived(build) {
  const models = await fake_models(join(build, "keel"));
  const world = await start(build, { approvals: false, config: config(models.base_url), agents });
  try { await live(world, models); } catch (e) { await world.stop(); await models.stop(); throw e; }
  const stop = world.stop;
  return { ...world, models, async stop() { await stop(); await models.stop(); } };
}

async function live(world, models) {
  const { keel, home, input } = world;
  const emit = (type, payload, key) => keel("emit", type, JSON.stringify(payload), ...(key ? ["--key", key] : []));
  const waiting = (subject) => world.inbox().find((i) => i.subject.includes(subject));
  const mail = async (one, about) => {
    await models.play({ text: about, usage: { prompt_tokens: 64, completion_tokens: 5 }, delay_ms: 40 },
      { text: `Dear ${one.from.split("@")[0]},\n\nthank you for writing about ${about}.\n\nKind regards, Mira`, usage: { prompt_tokens: 91, completion_tokens: 42 }, delay_ms: 250 });
    emit("mail.received", one);
    return await until(() => waiting("answer:" + one.id), "a question about " + one.id);
  };
  input("notes", "y");
  const first = await mail(mails[0], "a late order"), second = await mail(mails[1], "a wrong address"), third = await mail(mails[2], "a broken lamp");
  keel("approve", first.id, "--note", "good as it is");
  keel("approve", second.id, "--edit", JSON.stringify({ ...second.proposal, body: "Dear Ben,\n\nhere is the invoice with the right address.\n\nKind regards, Mira" }), "--note", "shorter");
  keel("reject", third.id, "--note", "I shall call her myself");
  await mail(mails[3], "opening hours");
  input("replies", "dora-1");
  keel("approve", waiting("dora-1").id);
  input("replies", "dora-1", { word: "tomorrow" }); // the same subject again: other than it was decided
  await models.play({ status: 500, text: "overloaded", times: 4 });
  emit("mail.received", { ...mails[0], id: "m5" }); // every attempt fails
  emit("mail.received", { from: "nobody" }, "m6"); // does not fit: a dead letter
  await models.play({ fault: "close", times: 9 }); // the answer is lost on the way
  input("pays", "order-7");
  writeFileSync(join(home, "agents", "notes.lua"), notes(2, `    local likes = input.likes or "red"
    ctx.memory.remember { kind = "fact", key = "likes", text = "Ana likes the " .. likes .. " one and pays by invoice." }`));
  await models.play();
  await until(() => JSON.parse(keel("agents", "notes", "--json")).version === 2, "the edit is taken up");
  keel("run", "weekly", "--json");
  keel("agents", "disable", "fails");
  keel("schedule", "pause", "weekly");
  const done = JSON.parse(keel("runs", "--agent", "triage", "--state", "done", "--json"))[0].run;
  await models.play({ text: "Dear Ben,\n\nhere it is.\n\nMira", usage: { prompt_tokens: 91, completion_tokens: 12 } });
  keel("fork", done, "--at", "2");
}
