// How it looks: every page and every form that opens, wide and narrow, light and dark, in a
// home with a life and in one in which nothing happened.
import { join } from "node:path";
import { lived } from "./lived.mjs";
import { assert, start } from "./world.mjs";

export const pages = ["/", "/approvals", "/runs", "/memory", "/agents", "/costs", "/schedules", "/events", "/audit", "/overrides"];

const open = (selector) => (page) => page.locator(selector).first().evaluate((d) => { d.open = true; });

// Every page of a home with a life: its name, its path, and what is opened on it.
export function places(world) {
  const json = (...words) => JSON.parse(world.keel(...words, "--json"));
  const run = (agent, state) => "/runs/" + json("runs", "--agent", agent, ...(state ? ["--state", state] : []))[0].run;
  const ask = (kind, subject = "") => "/approvals/" + world.inbox().find((i) => i.kind === kind && i.subject.includes(subject)).id;
  const done = run("triage", "done"), event = json("events", "--type", "mail.received").at(-1).id;
  const decided = json("overrides", "list").find((o) => o.outcome === "edited");
  const likes = json("memory", "search", "--ns", "main", "likes blue red green lamp").find((m) => m.key === "likes").id;
  const list = pages.map((path) => [path.slice(1) || "today", path]);
  const add = (...place) => list.push(place);
  add("run-done", done); add("run-failed", run("triage", "failed")); add("run-waiting", run("triage", "waiting")); add("run-stuck", run("pays"));
  add("run-step", done, open("#s-2"));
  add("run-cancel", run("triage", "waiting"), open("#cancel"));
  add("runs-filtered", "/runs?agent=triage&state=done"); add("runs-none", "/runs?text=nothing+has+this");
  add("why-run", done.replace("/runs/", "/why/")); add("why-memory", "/why/" + likes); add("why-event", "/why/" + event);
  add("why-approval", ask("approval", "dora").replace("/approvals/", "/why/"));
  add("approval", ask("approval", "dora")); add("approval-reconcile", ask("reconcile")); add("approval-decided", "/approvals/" + decided.id);
  add("approval-edit", ask("approval", "answer:"), open("details.edit")); add("approval-reject", ask("approval", "answer:"), open("details.reject"));
  add("approval-snooze", ask("approval", "answer:"), open("details.snooze"));
  add("approvals-help", "/approvals", async (page) => { if (await page.locator("#keys").isVisible()) { await page.click("#keys"); await page.waitForSelector("dialog[open]"); } });
  add("memory-search", "/memory?q=who+wrote+about+a+lamp%3F"); add("memory-item", `/memory/${likes}?ns=main`, open("details.do"));
  add("agent", "/agents/notes", open("details[id^=v-]")); add("agent-money", "/agents/triage"); add("agent-off", "/agents/fails");
  add("costs-day", "/costs?days=1", open("#days details")); add("event", "/event/" + event); add("events-dead", "/events?state=dead");
  add("audit-verify", "/audit?verify=1"); add("audit-run", "/audit?run=" + done.split("/")[2]); add("not-found", "/runs/run_0");
  return list;
}

export default function ({ axe, browser, person, shots, test }) {
  // Look at each place in each of the four ways; what is bad about it.
  const ways = [1280, 390].flatMap((width) => ["light", "dark"].map((colorScheme) => ({ width, colorScheme })));
  async function look(world, list, prefix = "") {
    const { context, page, faults } = await person(world, { bypassCSP: true }), bad = [];
    for (const [name, path, act] of list) {
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.goto(path);
      if (act) await act(page);
      for (const way of ways) bad.push(...await seen(page, prefix + name, way));
    }
    await context.close();
    return [...bad, ...faults.filter((f) => !/404/.test(f))];
  }

  async function seen(page, name, { width, colorScheme }) {
    const at = `${name}-${width}-${colorScheme}`;
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
    await page.screenshot({ path: join(shots, at + ".png"), fullPage: true });
    return (await wrong(page, (width === 390) === (colorScheme === "dark"))).map((what) => `${at}: ${what}`);
  }

  async function wrong(page, whole) {
    const bad = await page.evaluate(() => {
      const found = [], wide = document.documentElement.scrollWidth - innerWidth;
      if (wide > 0) found.push(wide + " px too wide");
      for (const e of document.querySelectorAll(".scroll")) if (e.scrollWidth > e.clientWidth + 1) found.push("a table leaves the page by " + (e.scrollWidth - e.clientWidth) + " px: " + e.getAttribute("aria-label"));
      if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
      for (const e of document.querySelectorAll("main *")) // text that is cut off, where nothing says so
        if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).overflowX === "hidden" && getComputedStyle(e).textOverflow !== "ellipsis" && !e.closest(".hidden, .clamp, svg")) found.push("cut off: " + e.outerHTML.slice(0, 80));
      for (const e of document.querySelectorAll("button, summary, main a")) { // what is pressed lies on nothing else that is
        const r = e.getBoundingClientRect();
        if (!e.checkVisibility() || e.closest("dialog") || r.bottom > innerHeight || r.top < 0 || document.querySelector("dialog[open]")) continue;
        const top = document.elementFromPoint(r.left + Math.min(r.width, 12) / 2, r.top + r.height / 2);
        if (top && top !== e && !e.contains(top) && !top.contains(e)) found.push("covered: " + e.outerHTML.slice(0, 80) + " by " + top.outerHTML.slice(0, 60));
      }
      return found;
    });
    await page.evaluate((text) => { if (!window.axe) (0, eval)(text); }, axe);
    const found = await page.evaluate((rules) => window.axe.run(document, { resultTypes: ["violations"], ...rules }), whole ? {} : { runOnly: ["color-contrast"] });
    for (const v of found.violations) if (v.impact === "serious" || v.impact === "critical") bad.push(`${v.id}: ${v.nodes[0].html.slice(0, 120)} ${v.nodes[0].any[0]?.message ?? ""}`);
    return bad;
  }

  const none = (bad) => assert(bad.length === 0, "\n    " + [...new Set(bad)].slice(0, 30).join("\n    "));

  test("every page looks right at both widths, light and dark, and axe finds nothing serious", async (world) => {
    const { context, page } = await person(world, { javaScriptEnabled: false }); // so that there is something to take back
    await page.goto("/approvals");
    await page.locator(".card", { hasText: "answer:m4" }).first().locator("form.approve button").click();
    await context.close();
    none(await look(world, places(world)));
  }, lived);

  test("fourteen that wait look right, too", async (world) => none(await look(world, [["approvals", "/approvals"], ["today", "/"]], "fourteen-")));

  test("a home in which nothing happened says what would be there", async (world) => {
    const bad = await look(world, [...pages.map((path) => [path.slice(1) || "today", path]), ["events-dead", "/events?state=dead"], ["audit-verify", "/audit?verify=1"]], "empty-");
    const context = await browser.newContext({ baseURL: world.url, bypassCSP: true }), page = await context.newPage();
    await page.goto("/login");
    await page.fill("#token", "wrong");
    await page.click("button[type=submit]");
    for (const way of ways) bad.push(...await seen(page, "login", way));
    await context.close();
    none(bad);
  }, (build) => start(build, { approvals: false, life: false }));

  test("at 200 % nothing is cut off", async (world) => {
    const { context, page } = await person(world, { viewport: { width: 640, height: 450 }, deviceScaleFactor: 2 });
    const bad = [];
    for (const [name, path] of places(world)) {
      await page.goto(path);
      if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) bad.push(name);
    }
    assert(bad.length === 0, bad.join(" "));
    await context.close();
  }, lived);
}
