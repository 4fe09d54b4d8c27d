-- Drives the language server as a person in Neovim would, and prints what came of it as JSON.

-- The machine may be busy with other tests.
local seconds = 60

local function fail(text)
  io.stdout:write(vim.json.encode({ failed = text }) .. "\n")
  vim.cmd("cquit!")
end

local function wait(what, holds)
  if not vim.wait(seconds * 1000, holds, 20) then
    fail("not within " .. seconds .. " s: " .. what)
  end
end

local function findings()
  local all = {}
  for _, one in ipairs(vim.diagnostic.get(0)) do
    local code = one.code or one.user_data.lsp.code
    table.insert(all, { code = code, message = one.message, line = one.lnum, column = one.col })
  end
  return all
end

-- Asks the server, with the pointer on the first place of a text.
local function ask(method, text, more)
  vim.fn.cursor(1, 1)
  if vim.fn.search("\\V" .. text, "cW") == 0 then
    fail("the buffer does not hold " .. text)
  end
  local parameters = vim.lsp.util.make_position_params(0, "utf-16")
  local place = parameters.position
  parameters.range = { start = place, ["end"] = place }
  parameters = vim.tbl_extend("force", parameters, more or {})
  local answers = vim.lsp.buf_request_sync(0, method, parameters, seconds * 1000) or {}
  for _, answer in pairs(answers) do
    return answer.result
  end
  fail("no answer to " .. method)
end

local said = {}

wait("the finding is shown", function()
  return #vim.diagnostic.get(0) > 0
end)
said.first = findings()
said.hover = ask("textDocument/hover", "retention").contents.value

local actions = ask("textDocument/codeAction", "capacitty", { context = { diagnostics = {} } })
said.action = actions[1].title
vim.lsp.util.apply_workspace_edit(actions[1].edit, "utf-16")
wait("the finding is gone", function()
  return #vim.diagnostic.get(0) == 0
end)

-- Typing something wrong shows it, undoing it clears it.
vim.api.nvim_buf_set_lines(0, 0, 0, false, { "let x = nothing" })
wait("what was typed is found", function()
  return #vim.diagnostic.get(0) > 0
end)
said.typed = findings()
vim.api.nvim_buf_set_lines(0, 0, 1, false, {})
wait("what was taken out is gone", function()
  return #vim.diagnostic.get(0) == 0
end)

vim.api.nvim_buf_set_lines(0, 0, 0, false, { "let    smiles   =  \"\u{1f600}\"   // kept" })
if vim.lsp.buf.format then
  vim.lsp.buf.format({ timeout_ms = seconds * 1000 })
else
  vim.lsp.buf.formatting_sync(nil, seconds * 1000)
end
said.first_line = vim.api.nvim_buf_get_lines(0, 0, 1, false)[1]
vim.cmd("write")

io.stdout:write(vim.json.encode(said) .. "\n")
vim.cmd("qall!")
