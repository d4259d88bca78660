--- A text of several lines in a corner, which takes no key and goes by itself.
local M = {}

local SHOWN = 12000 -- milliseconds
local WIDTH = 64

---@type integer?
local window

local function close()
  if window and vim.api.nvim_win_is_valid(window) then
    vim.api.nvim_win_close(window, true)
  end
  window = nil
end

--- Break a text between words into lines of at most so many columns.
---@param text string
---@param width integer
---@return string[]
function M.wrap(text, width)
  local lines = {}
  for paragraph in vim.gsplit(text, '\n', { plain = true }) do
    local line = ''
    for word in paragraph:gmatch('%S+') do
      local longer = line == '' and word or line .. ' ' .. word
      if line ~= '' and vim.fn.strdisplaywidth(longer) > width then
        lines[#lines + 1], longer = line, word
      end
      line = longer
    end
    lines[#lines + 1] = line
  end
  return lines
end

--- Show a text, in place of the one before.
---@param text string
function M.show(text)
  close()
  local lines = M.wrap(text, math.min(WIDTH, vim.o.columns - 4))
  local width = vim.iter(lines):map(vim.fn.strdisplaywidth):fold(1, math.max)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.bo[buffer].bufhidden = 'wipe'
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  local shown = vim.api.nvim_open_win(buffer, false, {
    relative = 'editor',
    anchor = 'SE',
    row = vim.o.lines - vim.o.cmdheight - 1,
    col = vim.o.columns,
    width = width,
    height = math.max(1, math.min(#lines, vim.o.lines - 6)),
    style = 'minimal',
    border = 'rounded',
    focusable = false,
    noautocmd = true,
  })
  window = shown
  vim.defer_fn(function()
    if window == shown then
      close()
    end
  end, SHOWN)
end

return M
