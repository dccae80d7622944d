--- The script of all pages.
return [==[
// What makes the pages quicker; each of them works without it. Keys, answering in place, and
// one stream that says what changed: the page's own parts are then fetched anew.
(function () {
  "use strict";
  var doc = document, root = doc.documentElement, body = doc.body;
  root.classList.add("script");
  var csrf = body.dataset.csrf, liveOn = (body.dataset.liveOn || "").split(" ");
  function all(sel, from) { return Array.prototype.slice.call((from || doc).querySelectorAll(sel)); }
  function one(sel, from) { return (from || doc).querySelector(sel); }

  // ---- messages
  var toast = doc.createElement("div");
  toast.className = "toast"; toast.setAttribute("role", "status"); toast.setAttribute("aria-live", "polite");
  body.appendChild(toast);
  var toastOff;
  function say(text) {
    toast.textContent = text; clearTimeout(toastOff);
    toastOff = setTimeout(function () { toast.textContent = ""; }, 6000);
  }

  // ---- asking the engine
  function post(url, fields) {
    return fetch(url, { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", "X-Keel-CSRF": csrf, "Accept": "application/json" },
      body: JSON.stringify(fields) }).then(function (r) {
        return r.json().catch(function () { return {}; }).then(function (value) {
          if (r.ok) return value;
          throw new Error(value.error && value.error.message || "the engine answered " + r.status);
        });
      });
  }

  // ---- parts of the page, made anew without losing what a person does in them
  function busy(el) {
    var active = doc.activeElement;
    if (active && el.contains(active) && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName) && active.type !== "checkbox") return true;
    return all("textarea,input:not([type=checkbox]):not([type=hidden])", el).some(function (f) { return f.value !== f.defaultValue; });
  }
  function keep(from, to) {
    all("details[id]", from).forEach(function (d) { var n = d.open && to.querySelector("#" + CSS.escape(d.id)); if (n) n.open = true; });
    all("input[type=checkbox]", from).forEach(function (c) {
      if (c.checked) all("input[type=checkbox]", to).forEach(function (n) { if (n.value === c.value && n.name === c.name) n.checked = true; });
    });
    if (from.classList.contains("here")) to.classList.add("here");
  }
  function swap(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    var active = doc.activeElement, inside = old.contains(active), id = inside && active.id;
    keep(old, fresh);
    old.replaceWith(fresh);
    if (inside) { var again = id && doc.getElementById(id); if (again) again.focus({ preventScroll: true }); }
  }
  function sync(old, fresh) {
    var wanted = {}, at = old.firstElementChild;
    all(":scope > [id]", fresh).forEach(function (n) { wanted[n.id] = true; });
    all(":scope > [id]", old).forEach(function (o) { if (!wanted[o.id] && !busy(o) && !pending[o.dataset.id]) { if (at === o) at = o.nextElementSibling; o.remove(); } });
    all(":scope > [id]", fresh).forEach(function (n) {
      var o = doc.getElementById(n.id);
      if (!o) old.insertBefore(doc.importNode(n, true), at);
      else { if (!busy(o) && !pending[o.dataset.id]) swap(o, doc.importNode(n, true)); at = doc.getElementById(n.id).nextElementSibling; }
    });
  }
  var loading = false, again = false;
  function refresh() {
    if (loading) { again = true; return Promise.resolve(); }
    loading = true;
    return fetch(location.href, { credentials: "same-origin", headers: { "Accept": "text/html" } }).then(function (r) {
      if (r.redirected && /\/login/.test(r.url)) { location.reload(); return null; }
      return r.ok ? r.text() : null;
    }).then(function (text) {
      if (!text) return;
      var fresh = new DOMParser().parseFromString(text, "text/html");
      all("[data-live][id]").forEach(function (old) {
        var n = fresh.getElementById(old.id);
        if (!n || old.parentElement.closest("[data-live]")) return;
        if (old.hasAttribute("data-list")) sync(old, n);
        else if (!busy(old)) swap(old, doc.importNode(n, true));
      });
      var h = one("h1"), nh = fresh.querySelector("h1");
      if (h && nh && h.textContent !== nh.textContent) h.textContent = nh.textContent;
      mark(false);
    }).catch(function () {}).then(function () { loading = false; if (again) { again = false; soon(); } });
  }
  var timer;
  function soon() { clearTimeout(timer); timer = setTimeout(refresh, 150); }

  function concerns(what) {
    return what.some(function (w) { return w === "inbox" || w === "all" || liveOn.indexOf(w) >= 0 || liveOn.some(function (l) { return l && w.indexOf(l + ":") === 0; }); });
  }
  var poll;
  function listen() {
    if (!window.EventSource) { poll = setInterval(refresh, 5000); return; }
    var source = new EventSource("/live");
    source.addEventListener("open", function () { clearInterval(poll); poll = null; });
    source.addEventListener("error", function () { if (!poll) poll = setInterval(refresh, 5000); });
    source.addEventListener("change", function (e) {
      var what = []; try { what = JSON.parse(e.data).what || []; } catch (x) {}
      if (concerns(what)) soon();
    });
    source.addEventListener("text", function (e) {
      var t; try { t = JSON.parse(e.data); } catch (x) { return; }
      var box = doc.getElementById("text"), part = doc.getElementById("said");
      if (!box || t.run !== body.dataset.run) return;
      if (box.dataset.seq !== String(t.seq)) { box.textContent = ""; box.dataset.seq = String(t.seq); }
      part.hidden = false; box.textContent += t.text;
    });
    addEventListener("pagehide", function () { source.close(); });
  }
  if (csrf) listen();

  // ---- the card at hand
  var pending = {}, lastDone = null, queue = Promise.resolve();
  function cards() { return all(".card").filter(function (c) { return !c.classList.contains("done"); }); }
  function here() { return one(".card.here"); }
  function goTo(card, focus) {
    all(".card.here").forEach(function (c) { c.classList.remove("here"); });
    if (!card) return;
    card.classList.add("here");
    if (focus !== false) { card.focus({ preventScroll: true }); card.scrollIntoView({ block: "nearest" }); }
  }
  function mark(focus) { var c = here(); if (!c || c.classList.contains("done")) goTo(cards()[0], focus); }
  function next(card) {
    var list = cards(), i = list.indexOf(card);
    return list[i + 1] || list[i - 1] || null;
  }
  function answer(card, verb, fields, word) {
    var id = card.dataset.id, follow = next(card);
    if (pending[id]) return;
    pending[id] = true;
    card.classList.add("done");
    all("details.do[open]", card).forEach(function (d) { d.open = false; });
    goTo(follow);
    if (!follow) one("#main").focus();
    if (verb !== "snooze") fields.digest = card.dataset.digest;
    queue = queue.then(function () { return post("/api/approvals/" + encodeURIComponent(id) + "/" + verb, fields); }).then(function () {
      lastDone = verb === "snooze" ? lastDone : id;
      delete pending[id];
      card.remove();
      say(word + (verb === "snooze" ? "" : ", u takes it back") + (follow ? "" : ". That was the last one."));
      soon();
    }).catch(function (err) {
      delete pending[id];
      card.classList.remove("done"); goTo(card); say("Not done: " + err.message); soon();
    });
  }
  function values(form) {
    var out = {};
    all("input,textarea,select", form).forEach(function (f) {
      if (!f.name || f.name === "csrf" || f.name === "back" || f.type === "checkbox" && !f.checked) return;
      out[f.name] = f.value;
    });
    return out;
  }
  // A form that edits: its fields over the proposal, or the JSON as it stands.
  function edited(form) {
    var value = JSON.parse(one("textarea[name=edit]", form).value);
    all("[data-field]", form).forEach(function (f) {
      var key = f.dataset.field, kind = f.dataset.kind;
      value[key] = kind === "boolean" ? f.value === "true" : kind === "number" ? JSON.parse(f.value) : f.value;
    });
    return value;
  }
  doc.addEventListener("submit", function (e) {
    var form = e.target, url = form.getAttribute("action") || "";
    if (!form.hasAttribute("data-act")) return;
    var m = url.match(/^\/api\/approvals\/([^\/]+)\/(approve|edit|reject|snooze|recall)$/), card = form.closest(".card");
    if (m && m[2] === "recall") { e.preventDefault(); recall(decodeURIComponent(m[1])); return; }
    if (m && card && one("#cards")) {
      e.preventDefault();
      var v = values(form), fields = {};
      if (v.note) fields.note = v.note;
      if (m[2] === "edit") { try { fields.edit = edited(form); } catch (x) { say("This is not JSON: " + x.message); return; } }
      if (m[2] === "snooze") fields["for"] = v["for"];
      answer(card, m[2], fields, { approve: "Approved", edit: "Approved as edited", reject: "Rejected", snooze: "Snoozed" }[m[2]]);
    } else if (url === "/api/approvals/batch") { e.preventDefault(); approveSelected(); }
  });
  function recall(id) {
    queue = queue.then(function () { return post("/api/approvals/" + encodeURIComponent(id) + "/recall", {}); }).then(function () {
      if (lastDone === id) lastDone = null;
      say("Taken back: it waits again"); return refresh().then(function () { goTo(doc.getElementById("card-" + id)); });
    }).catch(function (err) { say("Not taken back: " + err.message); soon(); });
  }
  function approveSelected() {
    var picked = all(".card input[name=items]:checked").map(function (c) { return c.closest(".card"); });
    if (!picked.length) { say("Nothing is selected; x selects"); return; }
    var items = picked.map(function (c) { pending[c.dataset.id] = true; c.classList.add("done"); return { id: c.dataset.id, digest: c.dataset.digest }; });
    goTo(cards()[0]);
    queue = queue.then(function () { return post("/api/approvals/batch", { items: items, state: "approved" }); }).then(function (list) {
      var bad = (list.items || list).filter(function (r) { return !r.ok; });
      picked.forEach(function (c) {
        delete pending[c.dataset.id];
        if (bad.some(function (r) { return r.id === c.dataset.id; })) c.classList.remove("done"); else c.remove();
      });
      say(bad.length ? bad.length + " not approved: " + (bad[0].error && bad[0].error.message || bad[0].error) : items.length + " approved"); soon();
    }).catch(function (err) { picked.forEach(function (c) { delete pending[c.dataset.id]; c.classList.remove("done"); }); goTo(picked[0]); say("Not done: " + err.message); });
  }

  // ---- keys
  function open(card, what) {
    var d = one("details." + what, card);
    if (!d) { say("That is not possible here"); return; }
    d.open = true;
    var f = one("textarea, input:not([type=hidden]), select", d);
    if (f) { f.focus(); if (what === "edit" && f.setSelectionRange && f.tagName === "TEXTAREA") f.setSelectionRange(0, 0); }
  }
  var grave = null;
  var keys = {
    j: function (c) { var l = cards(); goTo(l[l.indexOf(c) + 1] || c); }, k: function (c) { var l = cards(); goTo(l[l.indexOf(c) - 1] || c); },
    o: function (c) { var a = one("h3 a", c); if (a) a.click(); }, Enter: function (c) { keys.o(c); },
    a: function (c) {
      if (!one("form.approve", c)) { say("This one has answers of its own: Tab leads to them"); return; }
      if (c.dataset.tier === "3" && grave !== c.dataset.id) { grave = c.dataset.id; say("This cannot be undone: a once more approves it"); return; }
      answer(c, "approve", {}, "Approved");
    },
    e: function (c) { open(c, "edit"); }, r: function (c) { open(c, "reject"); }, s: function (c) { open(c, "snooze"); },
    x: function (c) { var b = one("input[name=items]", c); if (b) { b.checked = !b.checked; keys.j(c); } else say("Tier 3 is approved one by one"); },
    d: function (c) { var d = one("details.diff", c); if (d) d.open = !d.open; else say("Nothing changed since your last decision, or it is the first"); },
    w: function (c) { location.href = "/why/" + encodeURIComponent(c.dataset.id); }
  };
  var help = [["j k", "next, previous"], ["Enter, o", "open"], ["a", "approve"], ["e", "edit"], ["r", "reject with a note, then Enter"], ["s", "snooze"], ["x", "select"], ["A", "approve the selected"],
    ["u", "undo the last decision"], ["d", "what changed"], ["w", "why"], ["/", "filter"], ["Esc", "leave a field"]];
  function showHelp() {
    var box = doc.createElement("dialog"), list = doc.createElement("dl"), h = doc.createElement("h2"), b = doc.createElement("button");
    h.textContent = "Keys"; h.id = "help-h"; box.setAttribute("aria-labelledby", "help-h"); b.textContent = "Close"; b.className = "plain";
    all("#menu a").forEach(function (a) { help.indexOf(a) < 0 && rows.push(["g " + a.dataset.key, a.firstChild.textContent]); });
    help.concat(rows).forEach(function (r) {
      var row = doc.createElement("div"), t = doc.createElement("dt"), d = doc.createElement("dd"), k = doc.createElement("kbd");
      k.textContent = r[0]; d.textContent = r[1]; t.appendChild(k); row.appendChild(t); row.appendChild(d); list.appendChild(row);
    });
    rows = [];
    box.appendChild(h); box.appendChild(list); box.appendChild(b); body.appendChild(box);
    b.addEventListener("click", function () { box.close(); });
    box.addEventListener("close", function () { box.remove(); mark(); });
    box.showModal();
  }
  var rows = [], chord = false, chordOff;
  doc.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    var t = e.target, typing = /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName) && t.type !== "checkbox";
    if (one("dialog[open]")) { if (e.key === "?") { e.preventDefault(); one("dialog[open]").close(); } return; }
    if (typing) {
      if (e.key === "Escape") { var d = t.closest("details.do"); if (d) d.open = false; t.blur(); mark(); }
      return;
    }
    if (e.key === "Enter" && t.tagName !== "ARTICLE" && t !== body && t.id !== "main") return;
    if (chord) {
      chord = false;
      var to = one('#menu a[data-key="' + CSS.escape(e.key) + '"]');
      if (to) { e.preventDefault(); location.href = to.href; }
      return;
    }
    var done = true, c = here();
    if (e.key === "g") { chord = true; clearTimeout(chordOff); chordOff = setTimeout(function () { chord = false; }, 1500); }
    else if (e.key === "?") showHelp();
    else if (e.key === "/") { var f = one("[data-filter]"); if (f) f.focus(); else done = false; }
    else if (e.key === "u") { if (lastDone) recall(lastDone); else { var u = one("#recent [data-undo]"); if (u) recall(u.dataset.id); else say("There is nothing to take back"); } }
    else if (e.key === "A" && one("#batch-box")) approveSelected();
    else if (c && keys[e.key]) keys[e.key](c);
    else done = false;
    if (done) e.preventDefault();
  });
  doc.addEventListener("focusin", function (e) { var c = e.target.closest && e.target.closest(".card"); if (c && !c.classList.contains("here")) goTo(c, false); });
  var k = doc.getElementById("keys");
  if (k) k.addEventListener("click", showHelp);
  if (one(".card") && !location.hash) mark(true);
})();
]==]
