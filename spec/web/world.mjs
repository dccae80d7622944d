// A scratch home with a real engine: agents that ask, fail, tick; all fixtures are made by
// real runs. `start` gives { url, token, keel, stop }.
import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, mkdirSync, writeFileSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const asks = (name, proposal, more = "") => `return agent { version = 1, about = "asks before it acts",
  run = function(ctx, input)
    local answer = ctx.approve { subject = input.subject, proposal = ${proposal}, within = "6h", otherwise = "reject",
      why = "The customer wrote twice.", ${more} }
    return { outcome = answer.outcome, value = answer.value }
  end }`;

const agents = {
  replies: asks("replies", '{ to = input.subject .. "@example.com", subject = "Your order", body = "Dear " .. input.subject .. ",\\n\\nyour order left our house " .. (input.word or "today") .. ". It will be with you on Thursday; the number to follow it is 44-1200.\\n\\nKind regards, Mira" }', 'risk = "reversible"'),
  refunds: asks("refunds", '{ order = input.subject, amount_eur = 42.5, notify = true }', 'risk = "outward"'),
  deletes: asks("deletes", '{ account = input.subject, keep_days = 0 }', 'risk = "irreversible"'),
  fails: `return agent { version = 1, run = function(ctx, input)
    ctx.step { name = "look at the shop", run = function() return { "a list", 3 } end }
    error("the shop did not answer") end }`,
  notes: `return agent { version = 2, about = "remembers what customers like", memory = { read = { "*" }, write = { "*" } },
    on = { { cron = "45 7 * * MON-FRI" }, { event = "note.made" } }, run = function(ctx, input)
    ctx.step { name = "read", run = function() return "read" end }
    ctx.memory.remember { kind = "note", key = "likes", text = "Ana likes the blue one and pays by invoice." }
    return { done = true } end }`,
};

export const config = `return { zone = "Europe/Lisbon", owner = "Mira", budget = { day = "$5.00", month = "$60.00" } }`;

export function assert(what, message) { if (!what) throw new Error(message); }

// What fn says as soon as it says something.
export async function until(fn, what) {
  for (let i = 0; i < 200; i++) {
    const found = await fn();
    if (found) return found;
    await new Promise((ok) => setTimeout(ok, 50));
  }
  throw new Error("it did not happen: " + what);
}

function names(kind, n) { return Array.from({ length: n }, (_, i) => `${kind}-${i + 1}`); }

// { approvals: whether fourteen wait; agents, config: more, or others }.
export async function start(build, { approvals = true, life = true, agents: more = {}, config: own = config } = {}) {
  const home = mkdtempSync(join(tmpdir(), "keel-web-"));
  for (const folder of ["agents", "skills", "var"]) mkdirSync(join(home, folder));
  writeFileSync(join(home, "config.lua"), own);
  for (const [name, text] of Object.entries(life ? { ...agents, ...more } : more)) writeFileSync(join(home, "agents", `${name}.lua`), text);
  const bin = join(build, "keel");
  const keel = (...words) => {
    try { return execFileSync(bin, [...words, "--home", home], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 30000, maxBuffer: 1 << 28 }); }
    catch (e) { if (e.status > 0 && e.stdout !== undefined) return e.stdout; throw e; }
  };
  const child = spawn(bin, ["serve", "--home", home, "--listen", "127.0.0.1:0", "--foreground"], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (d) => { log += d; });
  const paper = await new Promise((ok, no) => {
    let text = "";
    child.stdout.on("data", (d) => { text += d; if (text.includes("\n")) ok(JSON.parse(text.split("\n")[0])); });
    child.on("exit", () => no(new Error("keel serve did not start: " + log)));
  });
  const input = (agent, subject, rest = {}) => { writeFileSync(join(home, "input.json"), JSON.stringify({ subject, ...rest })); keel("run", agent, "--input", join(home, "input.json"), "--json"); };
  if (approvals) {
    for (const s of names("ana", 9)) input("replies", s);
    for (const s of names("order", 4)) input("refunds", s);
    input("deletes", "old-account");
  }
  if (life) {
    input("fails", "x"); input("notes", "y");
    keel("emit", "note.made", '{"a":1}');
  }
  return {
    url: paper.url.replace(/\/$/, ""), home, keel, log: () => log, input,
    token: readFileSync(join(home, "var", "token"), "utf8").trim(),
    // A hash of all that stands in the store, however its pages lie.
    content: () => execFileSync(bin, ["lua", "spec/web/content.lua", join(home, "var", "keel.db")], { encoding: "utf8" }).trim(),
    inbox: () => JSON.parse(keel("inbox", "--json")),
    async stop() {
      const gone = new Promise((ok) => child.on("exit", ok));
      child.kill("SIGTERM"); await gone;
      rmSync(home, { recursive: true, force: true });
    },
  };
}
