// The dashboard as a person uses it: in Chromium, on a real engine. `node run.mjs BUILD`.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import decide from "./decide.mjs";
import looks from "./looks.mjs";
import safe from "./safe.mjs";
import { assert, start } from "./world.mjs";

const build = process.argv[2], only = process.argv[3];
const require = createRequire(join(build, "web-modules", "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const shots = join(build, "web");
rmSync(shots, { recursive: true, force: true });
mkdirSync(shots, { recursive: true });

let passed = 0, failed = 0;
const tests = [];
const test = (name, fn, begin = start) => tests.push({ name, fn, begin }); // begin(build) -> its world

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

const tools = { axe, browser, person, shots, test };
decide(tools); looks(tools); safe(tools);

let world;
for (const { name, fn, begin } of tests.filter((t) => !only || t.name.includes(only))) {
  try {
    world = await begin(build);
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
