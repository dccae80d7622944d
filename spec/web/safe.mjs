// What a page may not do: change anything by being read, ask elsewhere, weigh much, believe text.
import { get } from "node:http";
import { join } from "node:path";
import { agent, bidi, forged, unseen } from "./forged.mjs";
import { lived } from "./lived.mjs";
import { pages, places } from "./looks.mjs";
import { assert, start } from "./world.mjs";

// Bytes of an answer as they go over the wire, packed.
function weight(url, cookie) {
  return new Promise((ok, no) => get(url, { headers: { cookie, "accept-encoding": "gzip" } }, (answer) => {
    let bytes = 0;
    answer.on("data", (d) => { bytes += d.length; });
    answer.on("end", () => ok(bytes));
  }).on("error", no));
}

export default function ({ person, shots, test }) {
  test("no policy is broken, and following every link changes nothing in the store", async (world) => {
    const { context, page, faults } = await person(world);
    await page.goto("/");
    const before = world.content();
    const seen = new Set(), queue = [...pages, ...places(world).map(([, path]) => path)], from = {};
    while (queue.length > 0 && seen.size < 300) {
      const path = queue.shift();
      if (seen.has(path)) continue;
      seen.add(path);
      const answer = await page.goto(path);
      assert(answer.status() < 400 || path === "/runs/run_0", path + " answered " + answer.status() + ", linked from " + from[path]);
      for (const href of await page.$$eval("a[href]", (list) => list.map((a) => a.getAttribute("href")))) {
        assert(/^[/#]/.test(href), "a link elsewhere: " + href);
        if (href.startsWith("/") && !seen.has(href)) { queue.push(href.replace(/#.*/, "")); from[href] ??= path; }
      }
      for (const form of await page.$$eval("form[method=get], form:not([method])", (list) => list.map((f) => f.getAttribute("action")))) if (!seen.has(form)) queue.push(form);
    }
    assert(world.content() === before, "the store is another one");
    assert(faults.filter((f) => !/404/.test(f)).length === 0, [...new Set(faults)].join("; "));
    assert(seen.size > 60, seen.size + " pages");
    console.log(`  ${seen.size} pages, the store's content is ${before.slice(0, 12)} before and after`);
    await context.close();
  }, lived);

  test("a page with all it needs is at most 60 kB", async (world) => {
    const { context, page } = await person(world);
    const cookie = (await context.cookies()).map((c) => `${c.name}=${c.value}`).join("; ");
    const asked = new Set();
    page.on("request", (r) => { if (/^http/.test(r.url()) && !/\/live$/.test(r.url())) asked.add(r.url().replace(/\?.*/, "")); });
    await page.goto("/approvals");
    let assets = 0, most = [0, ""];
    for (const url of asked) if (/\/assets\//.test(url)) assets += await weight(url, cookie);
    for (const path of pages) {
      const bytes = await weight(world.url + path, cookie);
      if (bytes > most[0]) most = [bytes, path];
    }
    assert(asked.size >= 3 && [...asked].every((url) => url.startsWith(world.url)), [...asked].join(" "));
    assert(assets + most[0] <= 60000, `${assets} + ${most[0]} of ${most[1]}`);
    console.log(`  style, script and picture ${assets}, the heaviest page ${most[1]} ${most[0]} bytes`);
    await context.close();
  });

  test("what others wrote neither runs nor misleads, in a page or a terminal", async (world) => {
    for (const { text } of forged) world.input("forger", text, { text });
    const { context, page, faults } = await person(world);
    const run = (item) => "/runs/" + item.run, items = world.inbox();
    assert(items.length === forged.length, items.length + " questions");
    for (const path of [...pages, "/agents/forger", ...items.flatMap((i) => ["/approvals/" + i.id, run(i), "/why/" + i.run])]) {
      await page.goto(path);
      const found = await page.evaluate(([bidi, unseen]) => {
        const bad = [], text = document.documentElement.textContent;
        if (window.ran) bad.push("a script ran");
        if (document.querySelectorAll("script, img, iframe, object, main style, [onload], [onerror], [onfocus]").length !== 1) bad.push("an element of others");
        for (const e of document.querySelectorAll("a, form")) { const to = e.getAttribute("href") ?? e.getAttribute("action"); if (!/^[/#]/.test(to)) bad.push("leads to " + to); }
        for (const c of [...bidi, ...unseen]) {
          if (text.includes(c) || [...document.querySelectorAll("*")].some((e) => [...e.attributes].some((a) => a.value.includes(c)) || (e.value ?? "").includes?.(c))) bad.push("U+" + c.codePointAt(0).toString(16) + " as it is");
        }
        if (document.documentElement.scrollWidth > innerWidth) bad.push("too wide");
        return bad;
      }, [bidi, unseen]);
      assert(found.length === 0, path + ": " + found.join(", "));
    }
    // What Keel says of a question stands in marks of its own, which no text can make.
    await page.goto("/approvals");
    for (const item of items) {
      const card = page.locator("#card-" + item.id);
      assert(await card.locator(".tier").count() === 1 && /tier 2/.test(await card.locator(".tier").textContent()), "the tier is Keel's word");
      assert(await card.locator("form.approve").count() === 1 && await card.locator(".otherwise").count() === 1, "one way to approve, one deadline");
      assert(/this is rejected/.test(await card.locator(".otherwise").textContent()), "the deadline is Keel's word");
      for (const part of [".proposal", "h3", ".why"]) { // nothing lies outside of its card
        const [box, whole] = await Promise.all([card.locator(part).first().boundingBox(), card.boundingBox()]);
        assert(box.x >= whole.x && box.x + box.width <= whole.x + whole.width + 1 && box.y >= whole.y && box.y + box.height <= whole.y + whole.height + 1, part + " leaves the card of " + item.subject.slice(0, 30));
      }
    }
    await page.screenshot({ path: join(shots, "forged-1280-light.png"), clip: { x: 0, y: 0, width: 1280, height: 6000 }, fullPage: true });
    assert(faults.length === 0, faults.slice(0, 3).join("; "));
    // An edit brings back the very text, whatever is in it.
    const turned = items.find((i) => i.subject.includes("\u202e"));
    await page.goto("/approvals/" + turned.id);
    await page.locator(".card details.edit summary").click();
    await page.locator(".card details.edit button[type=submit]").click();
    await page.waitForFunction(() => !document.querySelector(".card"));
    const decided = JSON.parse(world.keel("overrides", "list", "--json"));
    assert(!decided.some((o) => o.id === turned.id && JSON.stringify(o.decided) !== JSON.stringify(o.proposed)), "an edit that edits nothing changes nothing");
    // The terminal: no control character, and no line of Keel's at the margin but Keel's own.
    const out = [world.keel("inbox", "--list"), world.keel("runs"), world.keel("audit"), ...items.map((i) => world.keel("show", i.run)), ...items.map((i) => world.keel("why", i.run))];
    for (const text of out) {
      const bad = text.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/) || [...bidi, ...unseen].find((c) => text.includes(c));
      assert(!bad, "as it is: " + JSON.stringify(String(bad)));
      assert(!/^(approved by|If you do nothing|0 questions)/m.test(text) && !/^ {0,4}approve  keel approve apr_0/m.test(text), "a line that Keel did not say");
    }
    assert(out[0].match(/^ {4}approve {2}/gm).length === world.inbox().length, "one line to approve for each question");
    await context.close();
  }, (build) => start(build, { approvals: false, life: false, agents: { forger: agent } }));
}
