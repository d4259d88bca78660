--- Draws ghost text, by extmarks.
local suggestion = require('pilotfish.suggestion')

local M = {}

local namespace = vim.api.nvim_create_namespace('pilotfish')
M.namespace = namespace

--- The highlight groups, and as what they look by default: the first that there is.
M.GROUPS = { PilotfishGhost = { 'ComplHint', 'NonText' }, PilotfishCount = { 'ComplHintMore', 'MoreMsg' } }

--- Give the highlight groups a look, where the colour scheme has none for them.
function M.highlight()
  for group, candidates in pairs(M.GROUPS) do
    local name = vim.iter(candidates):find(function(candidate)
      return vim.fn.hlexists(candidate) == 1
    end)
    local look = vim.api.nvim_get_hl(0, { name = name, link = false })
    -- Not bold or italic for standing behind such text. A mere link could not say so.
    look.nocombine, look.default = true, true
    look.cterm = vim.tbl_extend('force', look.cterm or {}, { nocombine = true })
    vim.api.nvim_set_hl(0, group, look)
  end
end

--- A line as it is drawn from a display column on: with spaces for tabs, which virtual text does not have.
---@param line string
---@param start integer
---@param tabstop integer
---@return string
function M.expand(line, start, tabstop)
  local drawn, width = {}, start
  for text, tab in line:gsub('\r$', ''):gmatch('([^\t]*)(\t?)') do
    width = width + vim.fn.strdisplaywidth(text)
    drawn[#drawn + 1] = text
    if tab ~= '' then
      local fill = tabstop - width % tabstop
      drawn[#drawn + 1] = (' '):rep(fill)
      width = width + fill
    end
  end
  return table.concat(drawn)
end

---@class pilotfish.Place
---@field row integer the cursor's line, from 0
---@field column integer the byte column that the text is drawn in front of
---@field before string the line left of the cursor
---@field after string the line right of the cursor

--- Draw the rest of a suggestion, in place of what was drawn.
---@param buffer integer
---@param place pilotfish.Place
---@param text string what is left to insert
---@param over integer bytes right of the cursor that it takes the place of: they stay, and the text goes around them
---@param count? string drawn behind it
function M.draw(buffer, place, text, over, count)
  M.clear(buffer)
  local tabstop = vim.bo[buffer].tabstop
  local first, more = text:match('^([^\n]*)\n?(.*)$')
  local below = {}
  for line in (#first < #text and more .. '\n' or ''):gmatch('([^\n]*)\n') do
    below[#below + 1] = { { M.expand(line, 0, tabstop), 'PilotfishGhost' } }
  end
  if count and #below > 0 then
    table.insert(below[#below], { count, 'PilotfishCount' })
  elseif count then
    M._mark(
      buffer,
      place.row,
      place.column,
      { virt_text = { { count, 'PilotfishCount' } }, virt_text_pos = 'eol' }
    )
  end
  local around = suggestion.places(first, place.after:sub(1, over)) or {}
  local width, from = vim.fn.strdisplaywidth(place.before), 1
  around[#around + 1] = #first
  for index, stop in ipairs(around) do
    local piece = M.expand(first:sub(from, stop), width, tabstop)
    if piece ~= '' then
      local chunk = { piece, 'PilotfishGhost' }
      M._mark(
        buffer,
        place.row,
        place.column + index - 1,
        { virt_text = { chunk }, virt_text_pos = 'inline' }
      )
    end
    width = width + vim.fn.strdisplaywidth(piece) + 1
    from = stop + 2
  end
  if #below > 0 then
    M._mark(buffer, place.row, place.column, { virt_lines = below })
  end
end

---@private
function M._mark(buffer, row, column, options)
  options.hl_mode = 'combine'
  vim.api.nvim_buf_set_extmark(buffer, namespace, row, column, options)
end

--- Take away what is drawn.
---@param buffer integer
function M.clear(buffer)
  if vim.api.nvim_buf_is_valid(buffer) then
    vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
  end
end

return M
