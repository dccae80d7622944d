local flags = {
  { "instructions", "N", "the instruction cap (20000000)", kind = "count" },
  { "memory", "BYTES", "the memory cap (33554432)", kind = "count" },
  { "wall", "MS", "the time cap in milliseconds (2000)", kind = "count" },
  { "runs", "N", "how many runs, one after the other (1)", kind = "count" },
  { "seed", "N", "the seed of the run's chance", kind = "count" },
  { "slice", "FUEL", "preempt after this much fuel, wherever the script can yield", kind = "count" },
}

return {
  about = "run a plain Lua file as a run: caged, capped, counted",
  arguments = { { "file", "FILE" } },
  flags = flags,
  notes = "The script sees the reduced standard library and no ctx. With --json each run"
    .. " prints one line {outcome, result, error, instructions, peak_bytes, ms}; what the"
    .. " script prints begins with a bar and then goes to standard error. The exit code is"
    .. " the worst run's.",
  examples = { "keel sandbox script.lua", "keel sandbox --instructions 1000000 --json script.lua" },
  run = function(args, context)
    local words = {}
    for _, flag in ipairs(flags) do
      if args[flag[1]] then
        words[#words + 1] = "--" .. flag[1]
        words[#words + 1] = tostring(args[flag[1]])
      end
    end
    if context.json then words[#words + 1] = "--json" end
    if args.file ~= "-" then
      local handle, why = io.open(args.file)
      if not handle then
        return nil, require("errors").new("K1009", { name = args.file,
          detail = why:gsub("^.*: ", "") })
      end
      handle:close()
    end
    words[#words + 1] = args.file
    io.stdout:flush()
    return require("core.sandbox").run(table.unpack(words))
  end,
}
