--- A suggestion, and how much of it has been typed. Pure: text comes in as arguments.
local M = {}

---@class pilotfish.Item
---@field text string what stands at the origin once it is accepted, lines parted by \n
---@field over integer bytes right of the cursor that the text takes the place of
---@field command? lsp.Command to send when it is accepted

---@class pilotfish.Suggestion
---@field row integer the origin's line, from 0
---@field column integer the origin's byte column
---@field before string the origin's line up to it
---@field after string the rest of the cursor's line
---@field items pilotfish.Item[]
---@field index integer which of them is shown
---@field typed string what stands between the origin and the cursor

--- Make one out of an answer's items. They may begin left of the cursor, on its line, and end right of it there.
---@param line string the cursor's line
---@param row integer
---@param column integer
---@param items pilotfish.Item[] with texts that belong at `origin`
---@param origin integer the byte column where the items begin
---@return pilotfish.Suggestion?
function M.new(line, row, column, items, origin)
  local self = {
    row = row,
    column = origin,
    before = line:sub(1, origin),
    after = line:sub(column + 1),
    items = items,
    index = 1,
    typed = line:sub(origin + 1, column),
  }
  return M.rest(self) and self or M.turn(self, 1)
end

--- What is left to insert of the item that is shown, or nil when what was typed is not how it begins.
---@param self pilotfish.Suggestion
---@return string?
function M.rest(self)
  local text = self.items[self.index].text
  if #text > #self.typed and vim.startswith(text, self.typed) then
    return text:sub(#self.typed + 1)
  end
end

--- The same with another item in front, of those that what was typed agrees with; nil when there is none.
---@param self pilotfish.Suggestion
---@param step integer 1 or -1
---@return pilotfish.Suggestion?
function M.turn(self, step)
  local count = #self.items
  for distance = 1, count do
    local other = setmetatable({ index = (self.index - 1 + step * distance) % count + 1 }, { __index = self })
    if M.rest(other) then
      return vim.tbl_extend('force', self, { index = other.index })
    end
  end
end

--- Follow the cursor: the same with all that stands between origin and cursor for typed, or nil when the text around
--- is another, or what was typed is not how the suggestion begins.
---@param self pilotfish.Suggestion
---@param lines string[] from the origin's line to the cursor's
---@param column integer the cursor's byte column
---@return pilotfish.Suggestion?
function M.follow(self, lines, column)
  local last = lines[#lines]
  if not last or last:sub(column + 1) ~= self.after then
    return nil
  end
  if lines[1]:sub(1, self.column) ~= self.before or (#lines == 1 and column < self.column) then
    return nil
  end
  local between = vim.list_slice(lines, 1, #lines - 1)
  between[#between + 1] = last:sub(1, column)
  local typed = table.concat(between, '\n'):sub(self.column + 1)
  local followed = vim.tbl_extend('force', self, { typed = typed })
  return M.rest(followed) and followed or nil
end

--- The beginning of a text that counts as a word: with the white space before it, what the buffer calls a keyword, or
--- a run of other characters.
---@param text string
---@return string
function M.word(text)
  local word = vim.fn.matchstr(text, [[^\_s*\%(\k\+\|\%(\k\@!\S\)\+\)]])
  return word ~= '' and word or text
end

--- The beginning of a text up to its next line end; where it begins with line ends, the line behind them.
---@param text string
---@return string
function M.line(text)
  return text:match('^\n*[^\n]*')
end

--- The characters that a text takes the place of, each at its place in the text: how many bytes of the text come before
--- each. nil when they are not all there in this order.
---@param text string
---@param replaced string
---@return integer[]?
function M.places(text, replaced)
  local places, at = {}, 1
  for index = 1, #replaced do
    local found = text:find(replaced:sub(index, index), at, true)
    if not found then
      return nil
    end
    places[index] = found - 1
    at = found + 1
  end
  return places
end

return M
