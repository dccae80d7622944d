--- The style of all pages.
return [==[
/* One sheet for all pages. Colours are named once, light and dark; nothing is told by colour
   alone. Text is the system's; numbers stand in columns. */
:root {
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d2226; --soft: #585f66; --rule: #e3e0d8; --well: #f3f1eb;
  --accent: #1f6384; --accent-ink: #ffffff; --good: #1d6b42; --warn: #8a5300; --bad: #b0281f; --bad-ground: #fbecea; --good-ground: #e9f4ed;
  --bar: #4a8db0; --bar2: #8ab4c8; --gap: #dcd8cd; --was: #9a2a22; --now: #1d6b42;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1b1f23; --ink: #e4e6e3; --soft: #a2a9ae; --rule: #2e343a; --well: #22272c;
    --accent: #7fbfdd; --accent-ink: #0c1a22; --good: #7fcf9f; --warn: #e6b35c; --bad: #ff9487; --bad-ground: #361d1b; --good-ground: #182b20;
    --bar: #5b9dbf; --bar2: #3c6d86; --gap: #343b41; --was: #ff9c90; --now: #86d6a6;
  }
}
* { box-sizing: border-box; }
html { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 2px; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
main:focus { outline: 0; }
.skip { position: absolute; left: -999px; top: 0; background: var(--accent); color: var(--accent-ink); padding: .5rem 1rem; z-index: 9; }
.skip:focus { left: 0; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[hidden] { display: none !important; }
html:not(.script) .js { display: none; }

/* the frame */
.top { display: flex; align-items: center; gap: .25rem 1.25rem; padding: .5rem 1.5rem; border-bottom: 1px solid var(--rule); flex-wrap: wrap; }
.brand { font-weight: 650; letter-spacing: -.01em; color: var(--ink); text-decoration: none; display: flex; gap: .4rem; align-items: center; }
.mark { width: 1.25rem; height: 1.25rem; fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
.top nav { flex: 1 1 24rem; min-width: 0; }
.top ul { display: flex; flex-wrap: wrap; gap: 0 .125rem; list-style: none; margin: 0; padding: 0; }
.top nav a { display: block; padding: .3rem .55rem; color: var(--soft); text-decoration: none; border-radius: 4px; }
.top nav a:hover { color: var(--ink); background: var(--well); }
.top nav a[aria-current] { color: var(--ink); font-weight: 600; box-shadow: inset 0 -2px var(--accent); border-radius: 0; }
.who { display: flex; gap: .6rem; align-items: center; color: var(--soft); font-size: .875rem; }
.count { display: inline-block; min-width: 1.35em; padding: 0 .4em; margin-left: .4em; border-radius: 1em; background: var(--accent); color: var(--accent-ink); font-size: .75rem; line-height: 1.5; font-weight: 600; text-align: center; font-variant-numeric: tabular-nums; vertical-align: .08em; }
main { max-width: 74rem; margin: 0 auto; padding: 1.5rem 1.5rem 3rem; }
footer { max-width: 74rem; margin: 0 auto; padding: .75rem 1.5rem 2rem; border-top: 1px solid var(--rule); color: var(--soft); font-size: .8125rem; display: flex; justify-content: space-between; align-items: center; gap: 1rem; flex-wrap: wrap; }
footer p { margin: 0; }
h1 { font-size: 1.625rem; line-height: 1.2; letter-spacing: -.018em; font-weight: 640; margin: 0 0 .25rem; }
h2 { font-size: .9375rem; font-weight: 640; margin: 0 0 .5rem; letter-spacing: -.003em; }
h3 { font-size: .9375rem; font-weight: 600; margin: .75rem 0 .25rem; }
p { margin: .35rem 0; }
.lead { color: var(--soft); margin: 0 0 1rem; max-width: 46rem; }
section { margin: 1.5rem 0 0; }
.quiet, .facts { color: var(--soft); }
.small { font-size: .8125rem; }
.num, time, td.right, .count { font-variant-numeric: tabular-nums; }
.id, code, .digest { font-family: var(--mono); font-size: .84em; }
kbd { font: .8em var(--mono); border: 1px solid var(--rule); border-bottom-width: 2px; border-radius: 3px; padding: 0 .35em; background: var(--card); color: var(--ink); }
pre { font: .8125rem/1.45 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0; max-height: 30rem; overflow-y: auto; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; max-width: 46rem; }
.clamp { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; }
q { font-style: italic; color: var(--soft); }
ul.plain, ol.plain { list-style: none; margin: 0; padding: 0; }
.lines > li, .decided > li { padding: .45rem 0; border-top: 1px solid var(--rule); }
.lines > li:first-child, .decided > li:first-child { border-top: 0; }
.found > li { padding: .8rem 0; border-top: 1px solid var(--rule); }
.why { color: var(--soft); font-size: .875rem; }
.tag { font-size: .75rem; color: var(--soft); border: 1px solid var(--rule); border-radius: 3px; padding: 0 .35em; }
.how { color: var(--soft); font-size: .8125rem; }
.tree { padding-left: 1.1rem; border-left: 1px solid var(--rule); margin: .2rem 0; list-style: none; }
.tree li { padding: .2rem 0; }

/* states and tiers: a sign and a word, then the colour */
.state { white-space: nowrap; }
.state.good, .good > .state { color: var(--good); }
.state.warn { color: var(--warn); }
.state.bad { color: var(--bad); font-weight: 600; }
.tier { font-size: .8125rem; color: var(--soft); border: 1px solid var(--rule); border-radius: 3px; padding: .05rem .4rem; }
.tier.t2 { color: var(--warn); border-color: currentColor; }
.tier.t3 { color: var(--bad); border-color: currentColor; font-weight: 600; }
.flash { padding: .5rem .8rem; border-radius: 5px; margin: .5rem 0 1rem; background: var(--good-ground); border-left: 3px solid var(--good); }
.flash form { display: inline-block; margin-left: .6rem; }
.flash.bad { background: var(--bad-ground); border-color: var(--bad); }
.note { color: var(--warn); }

/* today */
.tiles { display: grid; grid-template-columns: minmax(0, 6fr) minmax(0, 5fr); grid-template-rows: repeat(3, auto) 1fr; gap: 1rem; align-items: start; }
.tiles #waiting { grid-row: 1 / 5; }
.tiles section { margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 1rem 1.25rem; }
.go { font-weight: 600; }
.empty { border: 1px dashed var(--rule); border-radius: 8px; padding: .75rem 1.25rem; margin: 1rem 0; max-width: 46rem; color: var(--soft); } .empty code { color: var(--ink); }
.meter { margin: .5rem 0 .9rem; }
.meter p { margin: 0 0 .25rem; }
.gauge, .share { width: 100%; height: 6px; display: block; border-radius: 3px; }
.gauge .ground { fill: var(--well); } .gauge .bar, .share .bar { fill: var(--bar); }
.meter.warn .gauge .bar { fill: var(--warn); } .meter.bad .gauge .bar { fill: var(--bad); }
.share { width: 8rem; height: 8px; }

/* forms */
button, .do > summary { font: inherit; font-size: .875rem; font-weight: 500; padding: .34rem .8rem; border-radius: 5px; border: 1px solid var(--rule); background: var(--card); color: var(--ink); cursor: pointer; min-height: 2rem; }
button:hover, .do > summary:hover { border-color: var(--soft); }
button.main { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); }
button.no { color: var(--bad); border-color: currentColor; }
button.small { padding: .1rem .5rem; min-height: 1.6rem; font-size: .8125rem; }
input, select, textarea { font: inherit; font-size: .875rem; color: var(--ink); background: var(--card); border: 1px solid var(--soft); border-radius: 5px; padding: .3rem .5rem; min-height: 2rem; max-width: 100%; }
input[type=checkbox] { min-height: 0; width: 1.05rem; height: 1.05rem; accent-color: var(--accent); margin: 0; }
textarea { width: 100%; line-height: 1.45; resize: vertical; }
textarea.json { font: .8125rem/1.45 var(--mono); }
::placeholder { color: var(--soft); opacity: 1; }
.filter, .inline, .bar { display: flex; gap: .6rem; align-items: end; flex-wrap: wrap; }
.filter, .inline { margin: .5rem 0 1rem; }
.bar { justify-content: space-between; margin-bottom: .75rem; } .bar .filter { margin-bottom: 0; }
label > span { display: block; font-size: .8125rem; color: var(--soft); }
label.check { display: flex; gap: .4rem; align-items: center; min-height: 2rem; }
.field { margin: .4rem 0; } .field > label { display: block; font-size: .8125rem; color: var(--soft); }
.field input:not([type=checkbox]) { width: 26rem; }
.script .flat + .whole { display: none; }
.answers { display: flex; gap: .5rem; flex-wrap: wrap; align-items: start; margin: .75rem 0 0; }
.answers.tight { margin: 0; gap: .3rem; }
.answers form { margin: 0; }
.do > summary { list-style: none; display: inline-block; }
.do > summary::-webkit-details-marker { display: none; }
.do[open] { flex: 1 1 100%; order: 9; background: var(--well); border-radius: 6px; padding: .6rem .8rem .8rem; }
.do[open] > summary { border-color: var(--accent); }
summary { cursor: pointer; color: var(--accent); }
.do > summary { color: var(--ink); }

/* approvals */
.hints { font-size: .8125rem; color: var(--soft); display: flex; flex-wrap: wrap; gap: .15rem .9rem; margin: .25rem 0 .5rem; }
.cards, .card, .tiles, .tree, .why, h1, q, .lead, .note { overflow-wrap: anywhere; }
.cards { grid-template-columns: minmax(0, 1fr); display: grid; gap: .75rem; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: .9rem 1.15rem 1rem; scroll-margin: 4.5rem 0; }
.card.grave { border-left: 3px solid var(--bad); }
.card:focus, .card.here { outline: 2px solid var(--accent); outline-offset: 0; }
.card > header { display: flex; gap: .7rem; align-items: baseline; flex-wrap: wrap; }
.card h3 { margin: 0; font-size: 1.0625rem; letter-spacing: -.008em; flex: 1 1 14rem; min-width: 0; }
.card h3 a { color: inherit; text-decoration: none; } .card h3 a:hover { text-decoration: underline; }
.card .facts { margin: 0 0 .4rem; font-size: .8125rem; }
.pick { padding: .25rem; margin: -.25rem; }
.proposal { border-left: 2px solid var(--rule); padding-left: .8rem; margin: .5rem 0; }
.otherwise { font-size: .875rem; color: var(--soft); } .otherwise time { color: var(--ink); font-weight: 600; }
.otherwise.soon, .otherwise.soon time { color: var(--warn); }
.card.done { opacity: .75; padding-block: .5rem; } .card.done > :not(header) { display: none; }
dl { margin: 0; } dd { margin: 0; min-width: 0; } dt { color: var(--soft); font-size: .8125rem; }
.fields > div, .changes > div { display: grid; grid-template-columns: 8.5rem minmax(0, 1fr); gap: .75rem; padding: .12rem 0; align-items: baseline; }
.fields dt, .changes dt { overflow-wrap: anywhere; }
dl.facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: .5rem 0; } dl.facts dd { color: var(--ink); }
del, ins { text-decoration: none; display: block; }
del { color: var(--was); } ins { color: var(--now); }
.source { background: var(--well); border-radius: 6px; padding: .6rem .8rem; } .source del, .source ins { display: inline; }

/* tables */
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
caption { text-align: left; color: var(--soft); padding: .3rem 0; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: .8125rem; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--rule); white-space: nowrap; }
td { padding: .4rem .9rem .4rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
.right { text-align: right; } td.right { white-space: nowrap; } td.breaks { overflow-wrap: anywhere; } td.grow { width: 40%; overflow-wrap: anywhere; }
td .id, td time { white-space: nowrap; }
.paging { display: flex; gap: 1rem; margin: 1rem 0; }
.choices { display: flex; gap: .25rem 1rem; list-style: none; padding: 0; margin: 0; } .choices [aria-current] { color: var(--ink); font-weight: 600; text-decoration: none; }

/* charts */
figure { margin: .5rem 0; }
figcaption { display: flex; gap: 1rem; font-size: .8125rem; color: var(--soft); } .chart .top { margin-left: auto; border: 0; padding: 0; }
.plot { width: 100%; height: 8.5rem; display: block; border-bottom: 1px solid var(--rule); }
.plot .ground { fill: transparent; } g:hover > .ground { fill: var(--well); }
.plot .bar { fill: var(--bar); }
.plot line, .plot polyline { fill: none; vector-effect: non-scaling-stroke; stroke-width: 1.5; stroke: var(--soft); }
.plot .spent { stroke: var(--accent); stroke-width: 2.5; } .plot .even { stroke-dasharray: 2 4; } .plot .pace { stroke: var(--accent); stroke-dasharray: 6 4; } .plot .limit { stroke: var(--bad); stroke-width: 1; }
.legend span { margin-right: .9rem; } .legend span::before { content: ""; display: inline-block; width: 1.1rem; border-top: 2px solid var(--accent); vertical-align: .25em; margin-right: .3rem; }
.legend .l-even::before { border-top: 2px dotted var(--soft); } .legend .l-pace::before { border-top-style: dashed; }
.axis { display: flex; justify-content: space-between; font-size: .75rem; color: var(--soft); font-variant-numeric: tabular-nums; }
figure details { font-size: .8125rem; }
.score svg { width: 14rem; max-width: 100%; height: 6px; background: var(--well); border-radius: 3px; margin-right: .6rem; }
.part { fill: var(--bar); } .p2 { fill: var(--bar2); } .p3 { fill: var(--good); } .p4 { fill: var(--warn); } .p5 { fill: var(--soft); } .p6 { fill: var(--accent); }

/* the waterfall */
.waterfall { list-style: none; margin: 0; padding: 0; font-size: .875rem; }
.waterfall > li { border-top: 1px solid var(--rule); }
.waterfall summary { display: grid; grid-template-columns: 2.2rem minmax(8rem, 15rem) minmax(6rem, 1fr) 5.5rem 5.5rem; gap: .75rem; align-items: center; padding: .3rem 0; color: var(--ink); list-style: none; }
.waterfall summary::-webkit-details-marker { display: none; }
.waterfall summary:hover { background: var(--well); }
.waterfall .seq { color: var(--soft); text-align: right; } .took, .cost { text-align: right; white-space: nowrap; }
.span { width: 100%; height: 1.1rem; display: block; }
.span .bar { fill: var(--bar); } .span .idle { fill: var(--bar2); } .span .bad { fill: var(--bad); } .span .open { fill: var(--warn); } .span .gap { fill: var(--gap); }
.waterfall .gap { color: var(--soft); font-style: italic; text-align: center; padding: .15rem 0; background: var(--well); font-size: .8125rem; }
.inner { padding: .25rem 0 1rem 2.95rem; } .inner form { display: flex; gap: .6rem; align-items: end; flex-wrap: wrap; margin-top: .6rem; }

/* messages and help */
dialog { border: 1px solid var(--rule); border-radius: 8px; background: var(--card); color: var(--ink); max-width: 30rem; padding: 1.25rem 1.5rem; }
dialog::backdrop { background: rgb(0 0 0 / .4); }
dialog dl > div { display: grid; grid-template-columns: 5.5rem 1fr; gap: .5rem; padding: .1rem 0; } dialog dt { text-align: right; }
.login main { max-width: 25rem; padding-top: 14vh; } .login form > label { display: block; font-weight: 600; } .login input { width: 100%; margin: .25rem 0; }
.login h1 { font-size: 2rem; } .login button { margin-top: .75rem; }
.toast { position: fixed; left: 50%; bottom: 1rem; transform: translateX(-50%); background: var(--ink); color: var(--paper); padding: .45rem 1rem; border-radius: 6px; font-size: .875rem; max-width: 92vw; z-index: 5; }
.toast:empty { display: none; }

@media (max-width: 720px) {
  html { font-size: 16px; }
  .top { padding: .5rem 1rem 0; } .top nav { order: 3; flex-basis: 100%; margin: 0 -.5rem; }
  .who { margin-left: auto; } .owner, .hints, #keys { display: none; }
  main { padding: 1rem 1rem 2rem; } footer { padding-inline: 1rem; }
  h1 { font-size: 1.4rem; }
  .tiles { grid-template-columns: minmax(0, 1fr); grid-template-rows: none; } .tiles #waiting { grid-row: auto; } .tiles section { padding: .85rem 1rem; }
  .wide { display: none; } td .state, td.right, td.right time { white-space: normal; } td .id { display: inline-block; max-width: 5.6em; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom; } th, td { padding-right: .3rem; }
  .card { padding: .8rem .9rem; } button, .do > summary, input:not([type=checkbox]), select { min-height: 2.5rem; }
  button.small { min-height: 2rem; }
  .fields > div, .changes > div { grid-template-columns: minmax(0, 1fr); gap: 0; padding: .25rem 0; }
  .field input:not([type=checkbox]) { width: 100%; }
  .waterfall summary { grid-template-columns: 1.6rem minmax(0, 1fr) 5rem; gap: .1rem .6rem; } .waterfall .span { grid-column: 2 / 4; grid-row: 2; } .waterfall .cost { display: none; } .inner { padding-left: 0; }
}
@media (prefers-reduced-motion: no-preference) { .card { transition: opacity .15s; } }
@media print { .top, .answers, footer, .hints, .filter { display: none; } }
]==]
