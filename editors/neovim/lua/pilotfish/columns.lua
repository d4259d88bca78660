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

return M
