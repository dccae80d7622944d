// The dashboard as a person uses it: in Chromium, on a real engine. `node run.mjs BUILD`.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { start } from "./world.mjs";

const build = process.argv[2], only = process.argv[3];
const require = createRequire(join(build, "web-modules", "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const shots = join(build, "web");
mkdirSync(shots, { recursive: true });

let passed = 0, failed = 0;
const tests = [];
const test = (name, fn) => tests.push({ name, fn });
function assert(what, message) { if (!what) throw new Error(message); }

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

// A context that is logged in through the form, with what went wrong in it.
async function person(world, options = {}) {
  const context = await browser.newContext({ baseURL: world.url, viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (m) => { if (m.type() === "error" && !/\/live/.test(m.text()) && !/ERR_/.test(m.text())) faults.push(m.text()); });
  page.on("pageerror", (e) => faults.push(String(e)));
  page.on("request", (r) => { if (!r.url().startsWith(world.url) && !r.url().startsWith("data:")) faults.push("asked elsewhere: " + r.url()); });
  await page.goto("/login");
  await page.fill("#token", world.token);
  await page.click("button[type=submit]");
  await page.waitForSelector("h1");
  assert(!page.url().includes("login"), "the login did not let in: " + await page.textContent("body"));
  return { context, page, faults };
}

async function until(fn, what) {
  for (let i = 0; i < 200; i++) { if (await fn()) return; await new Promise((ok) => setTimeout(ok, 50)); }
  throw new Error("it did not happen: " + what);
}

const pages = ["/", "/approvals", "/runs", "/memory", "/agents", "/costs", "/schedules", "/events", "/audit", "/overrides"];
async function every(world) {
  const run = (agent) => JSON.parse(world.keel("runs", "--agent", agent, "--json"))[0].run;
  const item = world.inbox()[0];
  return [...pages, "/runs/" + run("notes"), "/runs/" + run("replies"), "/runs/" + run("fails"), "/approvals/" + item.id, "/agents/notes", "/why/" + run("notes"), "/audit?verify=1"];
}

test("14 approvals are answered with at most 40 keys", async (world) => {
  const { context, page, faults } = await person(world);
  await page.goto("/approvals");
  await page.waitForSelector(".card.here");
  assert(await page.locator(".card").count() === 14, "there are " + await page.locator(".card").count() + " cards");
  let presses = 0;
  const press = async (key) => { presses++; await page.keyboard.press(key); };
  while (await page.locator(".card:not(.done)").count() > 0 && presses < 60) {
    const tier = await page.locator(".card.here").getAttribute("data-tier");
    await press("a");
    if (tier === "3") await press("a");
  }
  await until(() => world.inbox().length === 0, "the inbox is empty");
  assert(presses <= 40, presses + " presses");
  assert(faults.length === 0, faults.join("; "));
  const all = JSON.parse(world.keel("audit", "--json", "--limit", "1000") || "[]");
  console.log(`  ${presses} presses, ${all.length || 0} rows of the trail`);
  await context.close();
});

test("reject, edit, select, snooze, help and undo go by keys", async (world) => {
  const { context, page, faults } = await person(world);
  await page.goto("/approvals");
  await page.waitForSelector(".card.here");
  const key = (k) => page.keyboard.press(k);
  const left = () => page.locator(".card:not(.done)").count();
  await key("?"); await page.waitForSelector("dialog[open]"); await key("Escape");
  await key("r"); await page.keyboard.type("not yet"); await key("Enter");
  await until(async () => await left() === 13, "a card less after reject");
  await key("e");
  await page.keyboard.type("changed ");
  await key("Control+Enter"); await page.locator(".card.here details.edit button").click();
  await until(async () => await left() === 12, "a card less after edit");
  await key("s"); await key("Tab"); await key("Enter");
  await until(async () => await left() === 11, "a card less after snooze");
  await key("x"); await key("x"); await key("A");
  await until(async () => await left() === 9, "two less after the batch: " + await left() + " " + await page.textContent(".toast"));
  await key("a");
  await until(async () => /takes it back/.test(await page.textContent(".toast")), "approved: " + await page.textContent(".toast"));
  await key("u");
  await until(async () => /Taken back|Not taken back/.test(await page.textContent(".toast")), "an answer to undo");
  assert(/Taken back/.test(await page.textContent(".toast")), await page.textContent(".toast"));
  const decided = JSON.parse(world.keel("overrides", "list", "--json"));
  assert(decided.length >= 2, "two overrides, not " + decided.length);
  await key("g"); await key("r"); await page.waitForURL("**/runs");
  assert(faults.length === 0, faults.join("; "));
  await context.close();
});

test("without JavaScript every answer can be given", async (world) => {
  const { context, page, faults } = await person(world, { javaScriptEnabled: false });
  const count = () => page.locator(".card").count();
  await page.goto("/approvals");
  const before = await count();
  await page.locator(".card").first().locator("form.approve button").click();
  assert(await count() === before - 1, "approve: " + await page.textContent("#flash"));
  await page.locator(".card").first().locator("details.reject summary").click();
  await page.locator(".card").first().locator("details.reject input[name=note]").fill("no");
  await page.locator(".card").first().locator("details.reject button").click();
  assert(await count() === before - 2, "reject: " + await page.textContent("#flash"));
  const card = page.locator(".card").first();
  await card.locator("details.edit summary").click();
  const area = card.locator("textarea[name=edit]");
  await area.fill((await area.inputValue()).replace("Mira", "Mira and all"));
  await card.locator("details.edit button").click();
  assert(await count() === before - 3, "edit: " + await page.textContent("#flash"));
  await page.locator(".card").first().locator("details.snooze summary").click();
  await page.locator(".card").first().locator("details.snooze button").click();
  assert(await count() === before - 4, "snooze: " + await page.textContent("#flash"));
  await page.locator(".card input[name=items]").first().check();
  await page.locator("#batch-box button").click();
  assert(await count() === before - 5, "batch: " + await page.textContent("#flash"));
  assert(faults.length === 0, faults.join("; "));
  await context.close();
});

test("every page looks right at both widths, light and dark, and axe finds nothing serious", async (world) => {
  const bad = [];
  for (const scheme of ["light", "dark"]) for (const width of [1280, 390]) {
    const { context, page, faults } = await person(world, { colorScheme: scheme, viewport: { width, height: width === 390 ? 844 : 900 }, bypassCSP: true });
    for (const path of await every(world)) {
      await page.goto(path);
      const name = path.replace(/_\w+$/, "").replace(/\W+/g, "-").replace(/^-|-$/g, "") || "today";
      await page.screenshot({ path: join(shots, `${name}-${width}-${scheme}.png`), fullPage: true });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) bad.push(`${path} at ${width} is ${wide} px too wide`);
      await page.evaluate(axe);
      const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
      for (const v of found.violations) if (v.impact === "serious" || v.impact === "critical") bad.push(`${path} ${width} ${scheme}: ${v.id}: ${v.nodes[0].html.slice(0, 120)} ${v.nodes[0].any[0]?.message ?? ""}`);
    }
    bad.push(...faults);
    await context.close();
  }
  assert(bad.length === 0, "\n    " + [...new Set(bad)].slice(0, 30).join("\n    "));
});

test("at 200 % nothing is cut off", async (world) => {
  const { context, page } = await person(world, { viewport: { width: 640, height: 450 }, deviceScaleFactor: 2 });
  const bad = [];
  for (const path of await every(world)) {
    await page.goto(path);
    if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) bad.push(path);
  }
  assert(bad.length === 0, bad.join(" "));
  await context.close();
});

test("no policy is broken, and following every link changes nothing", async (world) => {
  const { context, page, faults } = await person(world);
  const state = () => ["inbox", "runs", "events", "schedule", "agents", "overrides"].map((w) => world.keel(...(w === "overrides" ? ["overrides", "list"] : [w]), "--json")).join("\n");
  const before = state().replace(/"ms":[\d.]+/g, "");
  const seen = new Set(), queue = [...pages], from = {};
  while (queue.length > 0 && seen.size < 150) {
    const path = queue.shift();
    if (seen.has(path)) continue;
    seen.add(path);
    const answer = await page.goto(path);
    assert(answer.status() < 400, path + " answered " + answer.status() + ", linked from " + from[path]);
    for (const href of await page.$$eval("a[href]", (list) => list.map((a) => a.getAttribute("href")))) {
      if (href.startsWith("/") && !seen.has(href)) { queue.push(href.replace(/#.*/, "")); from[href] ??= path; }
    }
  }
  assert(state().replace(/"ms":[\d.]+/g, "") === before, "the state changed");
  assert(faults.length === 0, [...new Set(faults)].join("; "));
  console.log(`  ${seen.size} pages`);
  await context.close();
});

test("what happens elsewhere shows by itself", async (world) => {
  const { context, page } = await person(world);
  await page.goto("/approvals");
  await page.waitForSelector(".card");
  const before = await page.locator(".card").count();
  world.input("replies", "newcomer");
  await until(async () => await page.locator(".card").count() === before + 1, "a new card came by itself");
  await context.close();
});

let world;
for (const { name, fn } of tests.filter((t) => !only || t.name.includes(only))) {
  try {
    world = await start(build);
    await fn(world);
    passed++;
    console.log("ok   " + name);
  } catch (e) {
    failed++;
    console.log("FAIL " + name + "\n  " + (e.message || e) + "\n" + (world ? world.log().slice(-600) : ""));
  } finally { if (world) await world.stop().catch(() => {}); world = null; }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
