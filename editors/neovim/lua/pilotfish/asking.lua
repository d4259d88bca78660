--- Asks the language server for suggestions, and reads its answers.
local client = require('pilotfish.client')
local columns = require('pilotfish.columns')

local M = {}

local METHOD = 'textDocument/inlineCompletion'
--- Trigger kinds of LSP 3.18.
M.INVOKED, M.AUTOMATIC = 1, 2

---@class pilotfish.Answer
---@field items pilotfish.Item[]
---@field origin integer the byte column where all of them begin

--- Read an answer's items that can be shown at a cursor: plain texts that begin at one column left of it, and end right
--- of it on its line.
---@param result any what the server answered
---@param line string the cursor's line
---@param row integer
---@param column integer
---@param encoding string
---@param dos boolean whether the buffer's line ends are \r\n, which its lines leave out
---@return pilotfish.Answer?
function M.read(result, line, row, column, encoding, dos)
  local items, origin = {}, nil
  for _, item in ipairs(type(result) == 'table' and (result.items or result) or {}) do
    local range, text = item.range, item.insertText
    local first, last = column, column
    local plain = type(text) == 'string'
    if type(range) == 'table' then
      plain = plain and range.start.line == row and range['end'].line == row
      first = columns.to_bytes(line, range.start.character, encoding)
      last = columns.to_bytes(line, range['end'].character, encoding)
    end
    origin = origin or first
    if plain and first == origin and first <= column and last >= column then
      items[#items + 1] =
        { text = dos and text:gsub('\r\n', '\n') or text, over = last - column, command = item.command }
    end
  end
  return #items > 0 and { items = items, origin = origin } or nil
end

--- Ask for what fits at the cursor. The handler is called once, unless the request is cancelled.
---@param kind integer
---@param handler fun(answer?: pilotfish.Answer)
---@return fun()? cancel nil when there is nobody to ask
function M.ask(kind, handler)
  local buffer = vim.api.nvim_get_current_buf()
  local server = client.of(buffer)
  if not server then
    return nil
  end
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local line = vim.api.nvim_get_current_line()
  local params =
    vim.tbl_extend('error', columns.here(server.offset_encoding), { context = { triggerKind = kind } })
  local over = false
  local id ---@type integer?
  id = client.request(server, METHOD, params, function(err, result)
    if not over then
      over = true
      local dos = vim.api.nvim_buf_is_valid(buffer) and vim.bo[buffer].fileformat == 'dos'
      handler(not err and M.read(result, line, row - 1, column, server.offset_encoding, dos) or nil)
    end
  end, buffer)
  return function()
    if id and not over then
      client.cancel(server, id)
    end
    over = true
  end
end

return M
