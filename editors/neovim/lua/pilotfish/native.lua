--- Ghost text by Neovim 0.12's own inline completion. It shows a suggestion for a while after the text has changed, and
--- would insert it there: accepting is refused unless the text is still what was asked about.
local client = require('pilotfish.client')
local suggestion = require('pilotfish.suggestion')

local api = vim.api
local M = {}

local METHOD = 'textDocument/inlineCompletion'

---@type table<integer, integer> the changedtick at the last request of a buffer
local asked_at = {}

local function namespace()
  return api.nvim_create_namespace('nvim.lsp.inline_completion')
end

--- Whether ghost text is drawn that fits the text as it is now.
---@return boolean
function M.visible()
  local buffer = api.nvim_get_current_buf()
  if asked_at[buffer] ~= api.nvim_buf_get_changedtick(buffer) then
    return false
  end
  return #api.nvim_buf_get_extmarks(buffer, namespace(), 0, -1, { limit = 1 }) > 0
end

--- The item as it may be inserted: all of it, or its beginning without the command.
---@param item table
---@param part 'all'|'word'|'line'
---@return table? item nil when it stands for another state of the text
local function checked(item, part)
  local buffer = api.nvim_get_current_buf()
  if asked_at[buffer] ~= api.nvim_buf_get_changedtick(buffer) or type(item.insert_text) ~= 'string' then
    return nil
  end
  if vim.bo[buffer].fileformat == 'dos' then
    item.insert_text = item.insert_text:gsub('\r\n', '\n')
  end
  local piece = part == 'all' and item.insert_text or suggestion[part](item.insert_text)
  if piece ~= item.insert_text then
    item.insert_text, item.range, item.command = piece, nil, nil
  end
  return item
end

--- Insert the suggestion, or its next word or line; of those the rest is asked for anew.
---@param part 'all'|'word'|'line'
---@return boolean
function M.accept(part)
  if not M.visible() then
    return false
  end
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      return checked(item, part)
    end,
  })
end

---@param step integer
function M.cycle(step)
  vim.lsp.inline_completion.select({ count = step })
end

--- Put the suggestion away.
---@return boolean
function M.dismiss()
  local there = M.visible()
  M.clear()
  return there
end

--- Neovim has no other way to take it away than to switch it off.
function M.clear()
  vim.lsp.inline_completion.enable(false)
  vim.lsp.inline_completion.enable(true)
end

--- It asks by itself, and only then.
function M.update() end
function M.more() end

--- Begin to listen.
function M.begin()
  local group = api.nvim_create_augroup('pilotfish.native', {})
  api.nvim_create_autocmd('LspRequest', {
    group = group,
    callback = function(event)
      local request = event.data.request
      local server = vim.lsp.get_client_by_id(event.data.client_id)
      if request.method == METHOD and request.type == 'pending' and server and server.name == client.NAME then
        asked_at[event.buf] = api.nvim_buf_get_changedtick(event.buf)
      end
    end,
  })
  api.nvim_create_autocmd('BufWipeout', {
    group = group,
    callback = function(event)
      asked_at[event.buf] = nil
    end,
  })
  vim.lsp.inline_completion.enable(true)
end

return M
