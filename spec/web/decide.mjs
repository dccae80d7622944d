// Deciding: by keys alone, by forms without JavaScript, and what others decide meanwhile.
import { lived } from "./lived.mjs";
import { places } from "./looks.mjs";
import { assert, until } from "./world.mjs";

export default function ({ person, test }) {
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

  test("without JavaScript every answer can be given, and taken back", async (world) => {
    const { context, page, faults } = await person(world, { javaScriptEnabled: false });
    const count = () => page.locator(".card").count();
    await page.goto("/approvals");
    const before = await count(), first = () => page.locator(".card").first();
    const done = async (less, what) => {
      const flash = await page.textContent("#flash");
      assert(await count() === before - less, `${what}: ${flash}`);
      return flash;
    };
    await first().locator("form.approve button").click();
    assert(/Approved: ana-1/.test(await done(1, "approve")), "it says what was approved");
    await page.locator("#recent [data-undo] button").first().click();
    assert(/Taken back/.test(await done(0, "undo")), "it says that it was taken back");
    await first().locator("form.approve button").click();
    await done(1, "approve again");
    await first().locator("details.reject summary").click();
    await first().locator("details.reject input[name=note]").fill("not this one, ever");
    await first().locator("details.reject button").click();
    await done(2, "reject");
    await first().locator("details.edit summary").click();
    const area = first().locator("textarea[name=edit]");
    await area.fill((await area.inputValue()).replace("Mira", "Mira and all"));
    await first().locator("details.edit input[name=note]").fill("all of us");
    await first().locator("details.edit button").click();
    await done(3, "edit");
    await first().locator("details.edit summary").click();
    await first().locator("textarea[name=edit]").fill("{ no JSON");
    await first().locator("details.edit button").click();
    assert(/JSON|field/.test(await done(3, "an edit that is none")), await page.textContent("#flash"));
    await first().locator("details.snooze summary").click();
    await first().locator("details.snooze select").selectOption("3h");
    await first().locator("details.snooze button").click();
    await done(4, "snooze");
    for (const box of (await page.locator(".card input[name=items]").all()).slice(0, 3)) await box.check();
    await page.locator("#batch-box button").click();
    assert(/^3 decided/.test(await done(7, "batch")), await page.textContent("#flash"));
    const said = JSON.parse(world.keel("overrides", "list", "--json"));
    assert(said.some((o) => o.outcome === "rejected" && o.reason === "not this one, ever" && o.channel === "web"), "the reason is in the record");
    assert(said.some((o) => o.outcome === "edited" && /Mira and all/.test(o.decided.body)), "the edit is in the record");
    assert(faults.length === 0, faults.join("; "));
    await context.close();
  });

  test("without JavaScript runs, agents, schedules, memory and dead letters are dealt with, too", async (world) => {
    const { context, page, faults } = await person(world, { javaScriptEnabled: false });
    const at = Object.fromEntries(places(world).map(([name, path]) => [name, path]));
    const press = async (path, selector, words) => {
      if (path) await page.goto(path);
      for (const d of await page.locator("main details.do:not([open]) > summary").all()) await d.click();
      await page.locator(selector).first().click();
      const flash = await page.textContent("#flash");
      assert(words.test(flash), `${path ?? "there"} ${selector}: "${flash}"`);
    };
    await press(at["approval-reconcile"], "form[action^='/api/reconcile'] button", /^Noted/);
    await press(at["run-waiting"], "form[action$='/pause'] button", /is held/);
    await press(null, "form[action$='/resume'] button", /goes on/);
    await press(at["run-done"], "form[action$='/replay'] button", /replays the same: 5 steps/);
    await page.goto(at["run-done"]);
    await page.locator("#s-2 summary").click();
    await press(null, "#s-2 form[action$='/fork'] button", /A new run, the same as/);
    assert(page.url().includes("/runs/run_") && !page.url().endsWith(at["run-done"]), "the fork is shown: " + page.url());
    await press(at["run-waiting"], "form[action$='/cancel'] button", /given up/);
    await press("/agents/fails", "form[action$='/enable'] button", /fails is on/);
    await page.goto("/agents/fails");
    await page.fill("input[name=limit]", "$2.00");
    await press(null, "form[action='/api/budget'] button", /limit holds/);
    await press("/schedules", "form[action$='/resume'] button", /goes on/);
    await press("/schedules", "form[action$='/trigger'] button", /begun by hand/);
    await press("/events?state=dead", "form[action='/api/dead/retry'] button", /1 delivery tried again, 1 of them dead still/);
    await press("/events?state=dead", "form[action='/api/dead/drop'] button", /Given up/);
    await press(at["memory-item"], "form[action='/api/memory/forget'] button", /Forgotten: 1 item/);
    await press("/", "footer form button", /Held/);
    assert(/Everything is paused/.test(await page.textContent("#held")), "a page says that all is held");
    await press("/runs", "#held button", /goes on/);
    assert(faults.length === 0, faults.join("; "));
    await context.close();
  }, lived);

  test("what happens elsewhere shows by itself", async (world) => {
    const { context, page } = await person(world);
    await page.goto("/approvals");
    await page.waitForSelector(".card");
    const before = await page.locator(".card").count();
    world.input("replies", "newcomer");
    await until(async () => await page.locator(".card").count() === before + 1, "a new card came by itself");
    await context.close();
  });
}
