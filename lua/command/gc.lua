local function rows_of(report, names)
  local rows = {}
  for _, name in ipairs(names) do
    if report[name[1]] then rows[#rows + 1] = { name[2], ("%d"):format(report[name[1]]) } end
  end
  return rows
end

local function size(bytes) return require("bytesize").format(bytes) end

local function print_rows(context, rows)
  context.out(context.terminal:table({ { "what", style = "name" }, { "number", right = true } }, rows))
end

local function tell_stats(context, stats)
  local rows = {}
  local function row(what, text) rows[#rows + 1] = { what, text } end
  row("the file", size(stats.bytes))
  row("of it free", size(stats.free))
  row("payloads", ("%d, referred to %d times"):format(stats.payloads.count, stats.payloads.references))
  row("saved by keeping them once", size(stats.payloads.shared))
  row("packed runs", ("%d, %d records"):format(stats.packed.runs, stats.packed.records))
  if stats.packed.bytes > 0 then
    row("packed from, to", ("%s, %s"):format(size(stats.packed.raw), size(stats.packed.bytes)))
  end
  row("runs to pack", ("%d"):format(stats.to_pack))
  row("tombstones", ("%d"):format(stats.tombstones))
  for i, table in ipairs(stats.tables) do
    if i <= 12 then row("  " .. table.name, size(table.bytes)) end
  end
  context.out(context.terminal:table({ { "store", style = "name" }, { "", right = true } }, rows))
end

local taken = { { "runs", "runs dropped" }, { "events", "events emptied" }, { "tombstones", "tombstones dropped" },
  { "payloads", "payloads swept" }, { "code", "sources swept" }, { "bytes_before", "bytes before" },
  { "bytes_after", "bytes after" } }
local planned = { { "runs", "runs to drop" }, { "events", "events to empty" }, { "tombstones", "tombstones to drop" },
  { "to_pack", "runs to pack" }, { "payloads", "payloads to sweep" }, { "bytes_over", "bytes above max_bytes" } }

return {
  about = "pack what is over, drop what `retention` of config.lua says, and measure the store",
  flags = {
    { "dry-run", nil, "only count what would go" },
    { "vacuum", nil, "afterwards write the file anew, so that it shrinks; steps wait meanwhile" },
    { "stats", nil, "what the store holds: bytes by table, payloads kept once, packed runs" },
  },
  notes = "A served engine does the same by itself, in small slices. Without `retention` in config.lua nothing is"
    .. " ever dropped; runs that are over are packed in any case.",
  examples = { "keel gc --dry-run", "keel gc --vacuum", "keel gc --stats --json" },
  remote = true,
  run = function(args, context)
    local looks = args.stats or args.dry_run
    local e, err
    if looks then e, err = context.look() else e, err = context.engine() end
    if not e then return nil, err end
    local report
    if args.stats then
      report = e:store_stats()
    elseif args.dry_run then
      report = e:gc_plan()
    else
      report, err = e:gc { vacuum = args.vacuum }
      if not report then return nil, err end
    end
    if context.json then context.print_json(report)
    elseif args.stats then tell_stats(context, report)
    else print_rows(context, rows_of(report, args.dry_run and planned or taken)) end
    return 0
  end,
}
