--- Columns: Neovim counts bytes, a language server what the two have agreed on.
local M = {}

--- The byte offset in a line of an LSP column; the line's end for one beyond it.
---@param line string
---@param character integer
---@param encoding string utf-8, utf-16 or utf-32
---@return integer
function M.to_bytes(line, character, encoding)
  if encoding == 'utf-8' then
    return math.min(character, #line)
  end
  if vim.fn.has('nvim-0.11') == 1 then
    return vim.str_byteindex(line, encoding, character, false)
  end
  local utf32, utf16 = vim.str_utfindex(line)
  local length = encoding == 'utf-16' and utf16 or utf32
  return character >= length and #line or vim.str_byteindex(line, character, encoding == 'utf-16')
end

--- The LSP column of a byte offset in a line.
---@param line string
---@param bytes integer
---@param encoding string
---@return integer
function M.from_bytes(line, bytes, encoding)
  if encoding == 'utf-8' then
    return bytes
  end
  if vim.fn.has('nvim-0.11') == 1 then
    return vim.str_utfindex(line, encoding, bytes, false)
  end
  local utf32, utf16 = vim.str_utfindex(line, bytes)
  return encoding == 'utf-16' and utf16 or utf32
end

--- Where the cursor is, as requests have it. Neovim 0.10's own function is wrong behind wide characters.
---@param encoding string
---@return { textDocument: lsp.TextDocumentIdentifier, position: lsp.Position }
function M.here(encoding)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local character = M.from_bytes(vim.api.nvim_get_current_line(), column, encoding)
  return {
    textDocument = vim.lsp.util.make_text_document_params(0),
    position = { line = row - 1, character = character },
  }
end

return M
