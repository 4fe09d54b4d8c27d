-- mlinfra in Neovim 0.7 or later: findings as you type, their fixes, layout, documentation.

local group = vim.api.nvim_create_augroup("mlinfra", {})
local clients = {}

-- The folder that holds `.git`: nothing above it is looked at.
local function root_of(file)
  local found = vim.fn.finddir(".git", vim.fn.fnamemodify(file, ":p:h") .. ";")
  if found == "" then
    return nil
  end
  return vim.fn.fnamemodify(found, ":p:h:h")
end

local function start(buffer)
  local root = root_of(vim.api.nvim_buf_get_name(buffer))
  local settings = {
    name = "mlinfra",
    cmd = vim.g.mlinfra_command or { "mlinfra", "lsp" },
    root_dir = root,
  }
  if vim.lsp.start then
    vim.lsp.start(settings, { bufnr = buffer })
    return
  end
  local key = root or ""
  clients[key] = clients[key] or vim.lsp.start_client(settings)
  if clients[key] then
    vim.lsp.buf_attach_client(buffer, clients[key])
  end
end

local function lay_out()
  if vim.lsp.buf.format then
    vim.lsp.buf.format()
  else
    vim.lsp.buf.formatting_sync()
  end
end

vim.api.nvim_create_autocmd({ "BufRead", "BufNewFile" }, {
  group = group,
  pattern = "*.mlinfra",
  callback = function()
    vim.bo.filetype = "mlinfra"
  end,
})

vim.api.nvim_create_autocmd("FileType", {
  group = group,
  pattern = "mlinfra",
  callback = function(event)
    local buffer = event.buf
    vim.bo[buffer].commentstring = "// %s"
    vim.bo[buffer].shiftwidth = 2
    vim.bo[buffer].expandtab = true
    vim.bo[buffer].omnifunc = "v:lua.vim.lsp.omnifunc"
    vim.keymap.set("n", "K", vim.lsp.buf.hover, { buffer = buffer })
    vim.keymap.set("n", "gd", vim.lsp.buf.definition, { buffer = buffer })
    vim.keymap.set("n", "<leader>a", vim.lsp.buf.code_action, { buffer = buffer })
    vim.keymap.set("n", "<leader>f", lay_out, { buffer = buffer })
    start(buffer)
  end,
})
